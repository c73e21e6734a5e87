"""What runs reached: one beside the floors of its task, several beside each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from seqlab.journal import Run
from seqlab.journal.floors import COMPARED, Floors, standings
from seqlab.journal.groups import RunGroup
from seqlab.journal.results import best_known
from seqlab.report.page import Cell, Measured, Table
from seqlab.statistics import mean_and_error

__all__ = ["floors_table", "last_values", "result_metrics", "table_of_groups"]

RESULTS = (*COMPARED, "perplexity", "word_perplexity", "nll")
"""What a table of results shows of each phase that scores held-out data."""
HELD_OUT = ("val", "test", "val_subset")


def floors_table(floors: Floors, last: Mapping[str, float]) -> Table | None:
    """The result among the floors; None where there is neither."""
    phase, result = best_known(last)
    metrics, rows, own = standings(floors, result, phase)
    if not rows or not metrics:
        return None
    caption = "The result among the floors of its task: what a trivial model reaches without learning."
    head = ["", *(metric.replace("_", " ") for metric in metrics)]
    marked = frozenset([] if own is None else [own])
    return Table(head, [[name, *values] for name, values in rows], caption, marked, is_result=True)


def last_values(run: Run) -> Table:
    """The last and the best value of every metric."""
    best = run.metrics.best
    rows: list[list[Cell]] = [
        [name, value, best.get(name, {}).get("value"), best.get(name, {}).get("step")]
        for name, value in run.metrics.last.items()
    ]
    return Table(["metric", "last", "best", "at step"], rows)


def result_metrics(runs: Sequence[Run]) -> list[str]:
    """The held-out results that any of the runs has, in the order of RESULTS; else the losses of training."""
    known = dict.fromkeys(name for run in runs for name in run.metrics.last)
    found = [name for phase in HELD_OUT for what in RESULTS if (name := f"{phase}/{what}") in known]
    whole = [name for name in found if not name.startswith("val_subset/")]
    return whole or found or [name for name in known if name.startswith("train/")][:3] or list(known)[:3]


def table_of_groups(groups: Sequence[RunGroup], caption: str, metrics: Sequence[str] | None = None) -> Table:
    """The mean of each result over the runs of a group, with its standard error."""
    wanted = metrics or result_metrics([run for group in groups for run in group.runs])
    rows: list[list[Cell]] = [
        [group.name, len(group.runs), *(_mean(group, metric) for metric in wanted)] for group in groups
    ]
    return Table(["", "runs", *wanted], rows, caption, is_result=True)


def _mean(group: RunGroup, metric: str) -> Cell:
    values = [run.metrics.last[metric] for run in group.runs if metric in run.metrics.last]
    return Measured(*mean_and_error(values)) if values else None
