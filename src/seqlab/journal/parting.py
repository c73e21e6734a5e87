"""Where loss and accuracy part ways: a model that grows surer faster than it grows better has two best steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from seqlab.journal.metrics import Metrics

__all__ = ["WORSE_ACCURACY", "WORSE_LOSS", "Parting", "Point", "noise", "parting", "points"]


WORSE_ACCURACY = 0.01
"""Accuracy that the step of the best loss may lack, beside its noise."""
WORSE_LOSS = 0.02
"""Share by which the loss at the step of the best accuracy may be above the best."""


class Point(NamedTuple):
    """One evaluation: its step, and what it found."""

    step: int
    loss: float
    accuracy: float


@dataclass(frozen=True)
class Parting:
    """The best step by each of the two, and what each lacks by the other."""

    by_loss: Point
    by_accuracy: Point

    def matters(self, worse_accuracy: float = WORSE_ACCURACY, worse_loss: float = WORSE_LOSS) -> bool:
        """Whether each step is clearly worse by the other's measure."""
        return self.lacking > worse_accuracy and self.above > worse_loss

    @property
    def lacking(self) -> float:
        """Accuracy that the step of the best loss lacks."""
        return self.by_accuracy.accuracy - self.by_loss.accuracy

    @property
    def above(self) -> float:
        """Share by which the loss at the step of the best accuracy is above the best."""
        return self.by_accuracy.loss / self.by_loss.loss - 1 if self.by_loss.loss > 0 else 0.0

    def __str__(self) -> str:
        first, second = self.by_loss, self.by_accuracy
        return (
            f"loss and accuracy disagree about the best checkpoint: step {first.step} has {first.loss:.4g} "
            f"and accuracy {first.accuracy:.4g}, step {second.step} has {second.loss:.4g} and {second.accuracy:.4g}"
        )


def points(metrics: Metrics, phase: str = "val_subset") -> list[Point]:
    """The evaluations of a phase that have a finite loss and accuracy, in order."""
    loss, accuracy = (dict(zip(*metrics.curve(f"{phase}/{name}"), strict=True)) for name in ("loss", "accuracy"))
    both = [Point(step, loss[step], accuracy[step]) for step in loss if step in accuracy]
    return [point for point in both if math.isfinite(point.loss) and math.isfinite(point.accuracy)]


def parting(found: Sequence[Point]) -> Parting:
    """The best of at least one evaluation, by each; of equal ones the earliest."""
    return Parting(min(found, key=lambda point: point.loss), max(found, key=lambda point: point.accuracy))


def noise(accuracy: float, scored: float | None) -> float:
    """Two standard errors of an accuracy over so many scored symbols; 0 where their number is not known."""
    return 2 * math.sqrt(max(accuracy * (1 - accuracy), 0.0) / scored) if scored else 0.0
