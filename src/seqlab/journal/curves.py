"""A metric of a run over steps, tokens, epochs, tasks, wall seconds or floating-point operations."""

import math
from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from seqlab.journal import names
from seqlab.journal.column_cache import ColumnCache
from seqlab.journal.columns import read_columns
from seqlab.journal.described import Described
from seqlab.journal.errors import JournalError
from seqlab.journal.run import Run

__all__ = ["AXES", "UNITS", "Axis", "Curve", "along", "curve", "operations_a_step", "usual_metric"]

Numbers = NDArray[np.float64]
Axis = Literal["step", "tokens", "epochs", "tasks", "wall", "flops"]
AXES: tuple[Axis, ...] = ("step", "tokens", "epochs", "tasks", "wall", "flops")
COLUMNS: dict[Axis, str] = {
    "step": "step", "tokens": "tokens", "epochs": "epoch", "tasks": "task", "wall": "wall_seconds",
}  # fmt: skip
UNITS = {
    "step": "steps", "tokens": "tokens", "epochs": "epochs", "tasks": "tasks", "wall": "seconds", "flops": "FLOPs",
}  # fmt: skip
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
        """The finite measurements by x; of several at one place the last, as everywhere in the record."""
        finite = {x: y for x, y in zip(self.x, self.y, strict=True) if math.isfinite(y)}
        return sorted(finite.items())


def usual_metric(*runs: Described) -> str:
    """The curve one looks at first, of those that all runs recorded: held-out loss during training, else training loss,
    else the first metric."""
    first, *others = runs
    common = [name for name in first.metrics.last if all(name in other.metrics.last for other in others)]
    found = next((name for name in USUAL if name in common), None) or next(iter(common), None)
    if found is None:
        raise JournalError(_without_metric(runs))
    return found


def _without_metric(runs: tuple[Described, ...]) -> str:
    for run in runs:
        if not run.metrics.last:
            return f"{run.name} has recorded no metric yet; there is nothing to draw"
    return f"{names.enumerated([run.name for run in runs])} have no metric in common"


def curve(run: Run, metric: str, axis: Axis = "step", cache: ColumnCache | None = None) -> Curve:
    """The curve of a metric, from the cache where one is given.

    Raises JournalError for a metric or an axis that the run did not record.
    """
    x, y = along(run, metric, axis, cache)
    return Curve(run.name, metric, axis, x.tolist(), y.tolist())


def along(run: Run, metric: str, axis: Axis, cache: ColumnCache | None = None) -> tuple[Numbers, Numbers]:
    """The same as two arrays (N,): places on the axis, and values."""
    found = cache.columns(run, metric) if cache else read_columns(run.folder / "metrics.jsonl", metric).columns
    if not found.values.size:
        there = names.listed(metric, run.metrics.last)
        raise JournalError(f"{run.name} has no metric {metric!r}; it has {there or 'recorded none yet'}")
    if axis == "flops":
        return found.count("step") * operations_a_step(run), found.values
    places = found.count(COLUMNS[axis])
    if np.isnan(places).any():
        there = ", ".join(UNITS[one] for one in COLUMNS if not np.isnan(found.count(COLUMNS[one])).any())
        raise JournalError(f"{run.name} did not record {UNITS[axis]} with each {metric}; it has {there}")
    return places, found.values


def operations_a_step(run: Run) -> float:
    """The floating-point operations of a step, forward and backward, as its model counts them; evaluation, probes and
    methods are not counted. Raises JournalError for a run without the count."""
    forecast = run.origin.get("forecast") or {}
    if not forecast.get("flops") or not forecast.get("steps"):
        raise JournalError(
            f"{run.name} has no count of floating-point operations: its model does not tell them, or the clock ends it"
        )
    return float(forecast["flops"] / forecast["steps"])
