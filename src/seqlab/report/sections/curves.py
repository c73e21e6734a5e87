"""Charts of what runs measured while they trained."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from seqlab.journal import JournalError, Run
from seqlab.journal.bands import bands
from seqlab.journal.column_cache import ColumnCache
from seqlab.journal.curves import UNITS, Axis
from seqlab.journal.floors import floor_values
from seqlab.journal.groups import Bundle, RunGroup, bundle, range_in_common
from seqlab.journal.lineage import Mark
from seqlab.report.page import Block, Chart, Folded, Line, Prose
from seqlab.report.scale import tick
from seqlab.report.sections.grouping import seeds_of
from seqlab.report.thinning import thinned

__all__ = ["chart_of", "charts_of_groups", "curves_of_run", "lineage_chart"]

FIRST = ("loss", "accuracy")
"""What one looks at first; other metrics are folded away."""
PHASES = ("train", "val_subset", "val", "test")
MORE = 24
"""Other charts at most."""
DRAWN = 12
"""Groups in one chart at most."""
WIDE = 100
"""Positive values that span such a factor are drawn on a logarithmic axis."""


def curves_of_run(run: Run, floors: Mapping[str, Mapping[str, float]]) -> list[Block]:
    """A chart for each metric with several values, its phases together; loss and accuracy before the others."""
    by_what: dict[str, list[str]] = {}
    for metric in sorted(run.metrics.last, key=_order):
        phase, _, what = metric.partition("/")
        by_what.setdefault(what if phase in PHASES else metric, []).append(metric)
    first = [what for what in FIRST if what in by_what]
    others = [what for what in by_what if what not in first]
    with ColumnCache() as cache:
        shown = [_chart(run, what, by_what[what], floor_values(floors, what), cache) for what in first]
        more = [_chart(run, what, by_what[what], {}, cache) for what in others[:MORE]]
    blocks: list[Block] = [chart for chart in shown if chart]
    folded: list[Block] = [chart for chart in more if chart]
    if left_out := others[MORE:]:
        folded.append(Prose(f"Also measured, and in the record: {', '.join(left_out)}."))
    return blocks + ([Folded("Other curves", folded)] if folded else [])


def _order(metric: str) -> tuple[int, str]:
    phase = metric.partition("/")[0]
    return (PHASES.index(phase) if phase in PHASES else len(PHASES)), metric


def _chart(
    run: Run, what: str, metrics: Sequence[str], floors: Mapping[str, float], cache: ColumnCache
) -> Chart | None:
    lines = [_line(run, metric, cache) for metric in metrics]
    if all(len(line.points) < 2 for line in lines):
        return None
    return chart_of(lines, what.replace("_", " "), "steps", f"{run.name}: {what}{_window(lines)}", floors)


def _line(run: Run, metric: str, cache: ColumnCache) -> Line:
    columns = cache.columns(run, metric)
    return Line(metric, _points(columns.count("step"), columns.values))


def _points(x: np.ndarray, y: np.ndarray, stretches: int = 400) -> list[tuple[float, float]]:
    return list(zip(*(axis.tolist() for axis in thinned(x, y, stretches)), strict=True))


def chart_of(
    lines: Sequence[Line], y: str, x: str, caption: str, floors: Mapping[str, float] | None = None,
    marks: Sequence[tuple[float, str]] = (), *, is_log_x: bool = False,
) -> Chart:  # fmt: skip
    """A chart, its upward axis logarithmic where the values span factors; says which values leave a gap."""
    values = [value for line in lines for _, value in line.points]
    finite = [value for value in values if math.isfinite(value)]
    is_wide = bool(finite) and min(finite) > 0 and max(finite) > WIDE * min(finite)
    gaps = len(values) - len(finite)
    told = f"{caption}; {gaps} values are not finite and leave a gap" if gaps else caption
    return Chart(lines, x, y, f"{told}.", list((floors or {}).items()), marks, is_log_x, is_wide)


def _window(lines: Sequence[Line], unit: str = "steps") -> str:
    places = [x for line in lines for x, _ in line.points]
    return f", {unit} {tick(min(places))} to {tick(max(places))}" if places else ""


def charts_of_groups(groups: Sequence[RunGroup], metric: str, axis: Axis = "step") -> list[Block]:
    """The mean of each group over an axis, with the band of its seeds; groups without the metric are named.

    Raises JournalError where none has it."""
    bundles: list[tuple[RunGroup, Bundle]] = []
    missing: list[str] = []
    for group in groups[:DRAWN]:
        try:
            bundles.append((group, bundle(group, metric, axis)))
        except JournalError as error:
            missing.append(str(error))
    lines = [_of_group(one) for _, one in bundles]
    told: list[Block] = []
    if lines:
        how = "means with their 95 % intervals, " if any(line.band for line in lines) else ""
        x, seeds = UNITS[axis], seeds_of([group for group, _ in bundles])
        told.append(chart_of(lines, metric, x, f"{metric}, {how}{seeds}{_window(lines, x)}"))
    elif missing:
        raise JournalError(missing[0])
    if len(groups) > DRAWN:
        told.append(Prose(f"Drawn are the first {DRAWN} of {len(groups)}."))
    return told + [Prose(f"Not drawn: {why}.") for why in missing]


def _of_group(one: Bundle) -> Line:
    x, y = (np.array(axis) for axis in zip(*one.mean.points, strict=True)) if one.mean.points else (np.empty(0),) * 2
    band = bands([one], range_in_common([one]))[one.name]
    ends = zip(band["at"], band["low"], band["high"], strict=True)
    return Line(one.name, _points(x, y, 200), [end for end in ends if end[1] is not None])


def lineage_chart(
    name: str, metric: str, steps: Sequence[int], values: Sequence[float], marks: Sequence[Mark]
) -> Chart | None:
    """One curve through a run's ancestors, marked where each fork began; None where it is too short for one."""
    if len(steps) < 2:
        return None
    line = Line(metric, _points(np.array(steps, dtype=float), np.array(values)))
    told = "; ".join(f"step {mark.step:,}: {mark.run} begins" for mark in marks)
    return chart_of(
        [line],
        metric,
        "steps",
        f"{name} and its ancestors as one curve. {told}",
        marks=[(m.step, m.run) for m in marks],
    )
