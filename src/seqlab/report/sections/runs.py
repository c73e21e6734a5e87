"""Several runs beside each other, and what they cost together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from seqlab.journal import Run, days
from seqlab.journal.results import so_far
from seqlab.report.page import Cell, Facts, Table
from seqlab.report.sections.grouping import SETTINGS_SHOWN
from seqlab.report.sections.results import result_metrics
from seqlab.report.sections.settings import differing, setting
from seqlab.wording import count, duration

__all__ = ["every_number", "runs_table", "total_cost"]


def runs_table(runs: Sequence[Run], tainted: Mapping[str, str]) -> Table:
    """A row for each run: the settings in which they differ, their results, state and verdict."""
    paths = differing(runs)
    shown, metrics = paths[:SETTINGS_SHOWN], result_metrics(runs)
    rows: list[list[Cell]] = [
        [run.name, days.day(run.created), run.experiment.get("seed")]
        + [setting(run.experiment, path) for path in shown]
        + [run.metrics.last.get(metric) for metric in metrics]
        + [duration(so_far(run).get("wall_seconds")), run.state().name, _marks(run, tainted)]
        for run in runs
    ]
    head = ["run", "made", "seed", *shown, *metrics, "took", "state", ""]
    more = paths[SETTINGS_SHOWN:]
    caption = f"They also differ in {', '.join(more)}." if more else ""
    return Table(head, rows, caption)


def _marks(run: Run, tainted: Mapping[str, str]) -> str:
    marks = ["tainted"] if run.name in tainted else []
    marks += ["alarm"] if run.summary.get("alarms") else []
    marks += [run.verdict.replace("_", " ")] if run.verdict else []
    return ", ".join(marks + run.tags)


def every_number(runs: Sequence[Run], tainted: Mapping[str, str]) -> Table:
    """A row for each run with every setting that differs and every metric's last value, for a spreadsheet."""
    paths = differing(runs)
    metrics = list(dict.fromkeys(name for run in runs for name in run.metrics.last))
    rows: list[list[Cell]] = [
        [run.name, run.created, run.state().name, run.verdict, tainted.get(run.name), run.experiment.get("seed")]
        + [setting(run.experiment, path) for path in paths]
        + [run.metrics.step, so_far(run).get("tokens"), so_far(run).get("wall_seconds")]
        + [run.metrics.last.get(metric) for metric in metrics]
        for run in runs
    ]
    head = ["run", "created", "state", "verdict", "taint", "seed", *paths, "step", "tokens", "wall_seconds", *metrics]
    return Table(head, rows)


def total_cost(runs: Sequence[Run]) -> Facts:
    """Time and tokens of all runs together."""
    known = [so_far(run) for run in runs]
    seconds = sum(one.get("wall_seconds") or 0.0 for one in known)
    tokens = sum(one.get("tokens") or 0 for one in known)
    unknown = sum(one.get("wall_seconds") is None for one in known)
    return Facts(
        [
            ("time of all runs", duration(seconds) + (f"; that of {unknown} is unknown" if unknown else "")),
            ("a run", duration(seconds / max(1, len(runs) - unknown))),
            ("tokens", count(tokens) if tokens else ""),
        ]
    )
