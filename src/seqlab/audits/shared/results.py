"""The held-out result of a run, among the floors of its task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seqlab.audits.shared.subject import Subject
from seqlab.journal.digest import higher_is_better

__all__ = ["Result", "result"]

METRICS = ("loss", "accuracy")
PHASES = ("val", "val_subset")
LOSS = "nats_per_symbol"
"""What floors call the metric `loss` of a text."""


@dataclass(frozen=True)
class Result:
    """A held-out metric and its floors, the easiest to beat first."""

    metric: str
    value: float
    floors: list[tuple[str, float]]
    training: float | None
    """The last training loss."""

    def passes(self, floor: float, margin: float) -> bool:
        """Whether the result is better than a floor by more than a share of it."""
        distance = self.value - floor if higher_is_better(self.metric) else floor - self.value
        return distance > margin * abs(floor)

    def errors(self, value: float) -> float:
        """A loss as it is; an accuracy as the share of errors."""
        return 1 - value if higher_is_better(self.metric) else value


def result(subject: Subject) -> Result | None:
    """The most telling held-out number of the subject's run that the task has floors for; None where there is none."""
    if subject.run is None:
        return None
    metrics, floors = subject.run.metrics.last, subject.run.summary.get("floors", {})
    for phase in PHASES:
        for metric in METRICS:
            name, found = f"{phase}/{metric}", _values(floors, metric)
            if name in metrics and found:
                return Result(name, metrics[name], found, metrics.get("train/loss"))
    return None


def _values(floors: Mapping[str, Mapping[str, Any]], metric: str) -> list[tuple[str, float]]:
    names = (metric, LOSS) if metric == "loss" else (metric,)
    found = [(floor, float(values[name])) for floor, values in floors.items() for name in names if name in values]
    return sorted(found, key=lambda item: item[1], reverse=not higher_is_better(metric))
