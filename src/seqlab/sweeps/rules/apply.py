"""A rule applied to the curve of one run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqlab.journal import names
from seqlab.journal.columns import Columns
from seqlab.journal.digest import higher_is_better
from seqlab.journal.run import Run
from seqlab.sweeps.errors import SweepError
from seqlab.sweeps.rules.rule import UNITS, Edge, Range, Rule, Window

__all__ = ["value_of"]

Numbers = NDArray[np.float64]
ROUNDING = 1e-3
"""Epochs are recorded with four digits: one that ends at 0.9999 is over."""
COUNTED = ("values", "tasks")
"""Units that come in ones; along the others measurements stand some way apart."""
_REDUCERS: dict[str, Callable[[Numbers], Any]] = {
    "mean": np.mean, "median": np.median, "min": np.min, "max": np.max,
}  # fmt: skip


def value_of(rule: Rule, run: Run, columns: Columns) -> float:
    """What the rule says of a run; NaN where one of the values that count is not finite.

    Raises SweepError for a metric or a unit that the run did not record, and for a window that reaches beyond it.
    """
    if not columns.values.size:
        raise SweepError(f"{run.name} has no metric {rule.metric!r}{_instead(rule, run)}")
    kept = np.ones(columns.values.size, dtype=bool)
    for window in rule.windows:
        kept &= _inside(window, rule, run, columns)
    values = columns.values[kept]
    if not values.size:
        raise SweepError(f"no {rule.metric} of {run.name} lies in '{'; '.join(map(str, rule.windows))}'; widen it")
    if not np.isfinite(values).all():
        return float("nan")
    if rule.threshold is not None:
        values = _steps_to(rule.threshold, rule, run, columns, kept)
    return _reduced(rule.reduction, values)


def _instead(rule: Rule, run: Run) -> str:
    """The end of a sentence about a metric that is not there: the setting that records it, or what it may have been."""
    there = run.metrics.last
    setting = _setting_that_records(rule.phase)
    if setting is not None and not any(name.startswith(f"{rule.phase}/") for name in there):
        return f"; runs trained with `{setting}` record it"
    return names.perhaps(rule.metric, there) or f"; it has {names.listed(rule.metric, there) or 'none yet'}"


def _setting_that_records(phase: str) -> str | None:
    """Of a phase that is scored only where it is asked for."""
    if phase == "train_after_update":
        return "evaluation.after_update=true"
    split, at_end, _ = phase.partition("_at_end_of_task")
    return f"evaluation.end_of_task={split}" if at_end else None


def _reduced(reduction: str, values: Numbers) -> float:
    if reduction == "first":
        return float(values[0])
    if reduction == "last":
        return float(values[-1])
    return float(_REDUCERS[reduction](values))


def _steps_to(threshold: float, rule: Rule, run: Run, columns: Columns, kept: NDArray[np.bool_]) -> Numbers:
    """(T,): of each task within the windows, its steps to the first measurement that reaches a value; all of them
    where none does. A run that is no stream is one task."""
    ranks = np.zeros(kept.size, np.intp) if np.isnan(columns.count("task")).any() else _task_ranks(rule, run, columns)
    steps = _recorded("step", "steps", rule, run, columns)
    starts, ends = _bounds(steps, ranks)
    higher = higher_is_better(rule.metric)
    reaches = kept & (columns.values >= threshold if higher else columns.values <= threshold)
    first = ends.copy()
    np.minimum.at(first, ranks[reaches], steps[reaches])
    return (first - starts)[np.unique(ranks[kept])]


def _inside(window: Window, rule: Rule, run: Run, columns: Columns) -> NDArray[np.bool_]:
    """(N,): which measurements lie in the window."""
    places = _places(window, rule, run, columns)
    if isinstance(window, Range):
        _must_reach(window, run, 0 if window.end is None else window.end, float(places.max()), places)
        low = -np.inf if window.start is None else window.start
        high = np.inf if window.end is None else window.end
        return (places >= low) & (places <= high)
    stretch = _task_ranks(rule, run, columns) if window.of_each_task else np.zeros(places.size, dtype=np.intp)
    starts, ends = _bounds(places, stretch)
    lengths = ends - starts
    amounts = lengths * window.amount / 100 if window.is_percent else np.full_like(lengths, window.amount)
    shortest = np.argmin(lengths - amounts)
    _must_reach(window, run, float(amounts[shortest]), float(lengths[shortest]), places)
    slack = ROUNDING if window.unit == "epochs" else 0.0
    if window.side == "last":
        return places > (ends - amounts + slack)[stretch]
    return places <= (starts + amounts + slack)[stretch]


def _places(window: Window, rule: Rule, run: Run, columns: Columns) -> Numbers:
    """(N,): where each measurement stands, in the window's unit."""
    column, factor = UNITS[window.unit]
    if column is None:
        return np.arange(1, columns.values.size + 1, dtype=np.float64)
    if column == "task" and isinstance(window, Edge):
        return (_task_ranks(rule, run, columns) + 1).astype(np.float64)
    places: Numbers = _recorded(column, window.unit, rule, run, columns) / factor
    by_task = isinstance(window, Edge) and window.of_each_task
    if column == "epoch" and not by_task and (np.diff(places) < 0).any():
        raise SweepError(f"the epochs of {run.name} begin again with each task; add 'of each task' to '{window}'")
    return places


def _recorded(column: str, unit: str, rule: Rule, run: Run, columns: Columns) -> Numbers:
    places: Numbers = columns.count(column)
    if np.isnan(places).any():
        there = [name for name, (one, factor) in UNITS.items() if one and factor == 1 and _is_whole(columns, one)]
        raise SweepError(f"{run.name} did not record {unit} with each {rule.metric}; it has {names.enumerated(there)}")
    return places


def _is_whole(columns: Columns, column: str) -> bool:
    return not np.isnan(columns.count(column)).any()


def _task_ranks(rule: Rule, run: Run, columns: Columns) -> NDArray[np.intp]:
    """(N,): which of the run's tasks each measurement belongs to, counted from 0 in their order."""
    return np.unique(_recorded("task", "tasks", rule, run, columns), return_inverse=True)[1]


def _bounds(places: Numbers, stretch: NDArray[np.intp]) -> tuple[Numbers, Numbers]:
    """Where each stretch starts and ends: it starts where the one before ended, or at 0 where counting begins anew."""
    count = int(stretch.max()) + 1
    ends, firsts = np.full(count, -np.inf), np.full(count, np.inf)
    np.maximum.at(ends, stretch, places)
    np.minimum.at(firsts, stretch, places)
    before = np.concatenate([[0.0], ends[:-1]])
    return np.where(before < firsts, before, 0.0), ends


def _must_reach(window: Window, run: Run, wanted: float, there: float, places: Numbers) -> None:
    """Raise SweepError for a window that is longer than what it is cut from, to within the way between measurements."""
    apart = 0.0 if window.unit in COUNTED else float(np.diff(places, prepend=0.0).max()) + ROUNDING
    if wanted > there + apart:
        raise SweepError(f"'{window}' reaches beyond {run.name}, which has {there:g} {window.unit} there")
