"""Is there one best checkpoint? Loss and accuracy may disagree: the model grows surer faster than it grows better."""

from __future__ import annotations

import math
from typing import ClassVar, NamedTuple

from seqlab.audits import Audit, Finding, Stage, not_applicable, passed, warned
from seqlab.audits.shared.subject import Subject
from seqlab.journal import Run
from seqlab.spec import Field

__all__ = ["BestCheckpoint"]

PHASES = ("val_subset", "val")


class _Best(NamedTuple):
    """The step at which one metric was best, and both metrics there."""

    step: int
    loss: float
    accuracy: float


class BestCheckpoint(Audit):
    """The best step by held-out loss is about as good by accuracy, and the other way round."""

    stages: ClassVar[tuple[Stage, ...]] = ("trained",)

    worse_accuracy: float = Field(default=0.01, gt=0)
    """Accuracy that the step of the best loss may lack, beside two standard errors."""
    worse_loss: float = Field(default=0.02, gt=0)
    """Share by which the loss at the step of the best accuracy may be above the best."""

    def examine(self, subject: Subject) -> Finding:
        if subject.task.stages > 1:
            return not_applicable("the tasks of a stream do not share a score")
        points = next((found for phase in PHASES if (found := _points(subject.run, phase))), [])
        if len(points) < 3:
            return not_applicable("the record has no three evaluations with loss and accuracy")
        by_loss = min(points, key=lambda point: point.loss)
        by_accuracy = max(points, key=lambda point: point.accuracy)
        lacking = by_accuracy.accuracy - by_loss.accuracy
        above = by_accuracy.loss / by_loss.loss - 1 if by_loss.loss > 0 else 0.0
        limit = max(self.worse_accuracy, _noise(subject.run, by_accuracy.accuracy))
        measured = {
            "accuracy_lacking": lacking,
            "limit": limit,
            "loss_above": above,
            "best_loss_at": by_loss.step,
            "best_accuracy_at": by_accuracy.step,
        }
        if lacking > limit and above > self.worse_loss:
            return warned(
                f"loss and accuracy disagree about the best checkpoint: step {by_loss.step} has {by_loss.loss:.4g} "
                f"and accuracy {by_loss.accuracy:.4g}, step {by_accuracy.step} has {by_accuracy.loss:.4g} and "
                f"{by_accuracy.accuracy:.4g}; the model grows too sure of its errors, so say by which you choose.",
                **measured,
            )
        return passed("loss and accuracy agree about the best checkpoint", **measured)


def _points(run: Run | None, phase: str) -> list[_Best]:
    if run is None:
        return []
    loss, accuracy = (dict(zip(*run.metrics.curve(f"{phase}/{name}"), strict=True)) for name in ("loss", "accuracy"))
    both = [_Best(step, loss[step], accuracy[step]) for step in loss if step in accuracy]
    return [point for point in both if math.isfinite(point.loss) and math.isfinite(point.accuracy)]


def _noise(run: Run | None, accuracy: float) -> float:
    """Two standard errors of an accuracy, where the record says how many symbols were scored."""
    scored = run.metrics.last.get("val_subset/symbols") if run is not None else None
    return 2 * math.sqrt(max(accuracy * (1 - accuracy), 0.0) / scored) if scored else 0.0
