"""A metric of a run over steps, tokens, epochs or wall seconds."""

import math
from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from seqlab.journal import names
from seqlab.journal.errors import JournalError
from seqlab.journal.run import Run

__all__ = ["AXES", "Axis", "Curve", "curve", "usual_metric"]

Axis = Literal["step", "tokens", "epochs", "wall"]
AXES: tuple[Axis, ...] = ("step", "tokens", "epochs", "wall")
COLUMNS = {"step": "step", "tokens": "tokens", "epochs": "epoch", "wall": "wall_seconds"}
UNITS = {"step": "steps", "tokens": "tokens", "epochs": "epochs", "wall": "seconds"}
USUAL = ("val_subset/loss", "train/loss", "val/loss")


@dataclass(frozen=True)
class Curve:
    """What was measured, in the order of the record; superseded lines are left out."""

    name: str
    """The run's."""
    metric: str
    axis: Axis
    x: list[float]
    y: list[float]
    """May hold NaN and the infinities."""

    def at(self, x: float) -> float | None:
        """The value at x, linear between two measurements; None outside them."""
        after = bisect_left(self.points, (x, -math.inf))
        if after < len(self.points) and self.points[after][0] == x:
            return self.points[after][1]
        if after in (0, len(self.points)):
            return None
        (left, a), (right, b) = self.points[after - 1], self.points[after]
        return a + (b - a) * (x - left) / (right - left)

    @cached_property
    def points(self) -> list[tuple[float, float]]:
        """The measurements by x."""
        return sorted(zip(self.x, self.y, strict=True))


def usual_metric(run: Run) -> str:
    """The curve one looks at first: held-out loss during training, else training loss, else the first metric."""
    recorded = run.metrics.last
    found = next((name for name in USUAL if name in recorded), None) or next(iter(recorded), None)
    if found is None:
        raise JournalError(f"{run.name} has recorded no metric yet; there is nothing to draw")
    return found


def curve(run: Run, metric: str, axis: Axis = "step") -> Curve:
    """The curve of a metric. Raises JournalError for a metric or an axis that the run did not record."""
    if metric not in run.metrics.last:
        near = names.perhaps(metric, run.metrics.last)
        raise JournalError(f"{run.name} has no metric {metric!r}{near}")
    column = COLUMNS[axis]
    lines = [line for line in run.metrics.lines() if metric in line]
    if any(line.get(column) is None for line in lines):
        raise JournalError(f"{run.name} did not record {UNITS[axis]} with {metric}; take another --x")
    return Curve(
        run.name, metric, axis, [float(line[column]) for line in lines], [float(line[metric]) for line in lines]
    )
