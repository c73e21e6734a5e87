"""Curves as charts take them: by run, over an axis, in a window, smoothed, thinned; bands over seeds; lineages."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np

from seqlab.journal import JournalError, Run
from seqlab.journal.bands import bands
from seqlab.journal.column_cache import ColumnCache
from seqlab.journal.curves import Axis, Curve, Numbers, along
from seqlab.journal.floors import floor_values
from seqlab.journal.groups import Bundle, range_in_common
from seqlab.journal.known import Known
from seqlab.journal.lineage import ancestral_curve
from seqlab.journal.lines import whole_end
from seqlab.web.thinning import finite, running_mean, thinned

__all__ = ["Wanted", "axis_of", "banded", "drawn", "lineage", "shared_floors"]

ALONG = [index / 200 for index in range(201)]
"""Shares of its range at which a band is drawn."""
BAND = ("mean", "low", "high")


@dataclass(frozen=True)
class Wanted:
    """What a chart asks for."""

    metric: str
    axis: Axis = "step"
    points: int = 1600
    smooth: int = 1
    start: float | None = None
    end: float | None = None


def axis_of(text: str) -> Axis:
    """An axis by its name. Raises JournalError."""
    if text not in get_args(Axis):
        raise JournalError(f"there is no axis {text!r}; the axes are {', '.join(get_args(Axis))}")
    return text  # type: ignore[return-value]  # one of them


def drawn(run: Run, wanted: Wanted, cache: ColumnCache) -> dict[str, Any]:
    """One curve: its points, the mean over `smooth` values, how many points there are, where to read on."""
    offset = whole_end(run.folder / "metrics.jsonl")
    try:
        x, y = along(run, wanted.metric, wanted.axis, cache)
    except JournalError as error:
        return {"name": run.name, "x": [], "y": [], "problem": str(error), "offset": offset, "total": 0}
    smooth = running_mean(y, wanted.smooth) if wanted.smooth > 1 else None
    inside = _window(x, wanted)
    x, y = x[inside], y[inside]
    kept = thinned(y, wanted.points)
    return {
        "name": run.name,
        "x": finite(x[kept]),
        "y": finite(y[kept]),
        "smooth": finite(smooth[inside][kept]) if smooth is not None else None,
        "total": int(y.size),
        "left_out": int((~np.isfinite(y)).sum()),
        "offset": offset,
        "problem": None,
    }


def _window(x: Numbers, wanted: Wanted) -> Any:
    low = -np.inf if wanted.start is None else wanted.start
    high = np.inf if wanted.end is None else wanted.end
    return (x >= low) & (x <= high)


def banded(groups: Mapping[str, Sequence[Run]], wanted: Wanted, cache: ColumnCache) -> list[dict[str, Any]]:
    """For each group of several runs its mean with the 95 % interval of the mean, over what all of them have."""
    found = []
    for name, runs in groups.items():
        curves: dict[Hashable, Curve] = {}
        for run in runs:
            if (curve := _curve(run, wanted, cache)) is not None:
                curves[run.name] = curve
        if len(curves) < 2:
            continue
        one = Bundle(name, curves)
        band = bands([one], range_in_common([one]), ALONG)[name]
        found.append({"name": name, "runs": list(curves), "x": band["at"], **{k: band[k] for k in BAND}})
    return found


def _curve(run: Run, wanted: Wanted, cache: ColumnCache) -> Curve | None:
    try:
        x, y = along(run, wanted.metric, wanted.axis, cache)
    except JournalError:
        return None  # the run's own curve says so
    kept = thinned(y, wanted.points)
    return Curve(run.name, wanted.metric, wanted.axis, x[kept].tolist(), y[kept].tolist())


def lineage(run: Run, everything: Sequence[Known], wanted: Wanted) -> dict[str, Any]:
    """One curve through all ancestors of a run, with a mark where each fork began."""
    family = [Run(known.folder) for known in everything]
    steps, values, marks = ancestral_curve(run, family, wanted.metric)
    x, y = np.array(steps, dtype=float), np.array(values, dtype=float)
    kept = thinned(y, wanted.points)
    return {
        "name": run.name,
        "x": finite(x[kept]),
        "y": finite(y[kept]),
        "total": len(steps),
        "marks": [{"x": mark.step, "name": mark.run, "changes": mark.changes} for mark in marks],
    }


def shared_floors(runs: Sequence[Known], metric: str) -> dict[str, float]:
    """The floors of a loss or an accuracy, where all runs have the same."""
    what = metric.rpartition("/")[2]
    if what not in ("loss", "accuracy") or not runs:
        return {}
    first, *others = [floor_values(known.floors, what) for known in runs]
    return first if all(other == first for other in others) else {}
