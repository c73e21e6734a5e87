"""Runs side by side: at equal steps, tokens and wall time; where one passes the other; what it takes to catch up."""

import math
from collections.abc import Sequence
from itertools import combinations, pairwise
from typing import Any

from seqlab.journal.curves import Axis, Curve, curve
from seqlab.journal.digest import higher_is_better, is_better
from seqlab.journal.errors import JournalError
from seqlab.journal.run import Run

__all__ = ["compared", "differences_that_matter"]

SHARES = (0.25, 0.5, 0.75, 1.0)
COMPARED: tuple[Axis, ...] = ("step", "tokens", "wall")


def compared(runs: Sequence[Run], metric: str, axes: Sequence[Axis] = COMPARED) -> dict[str, Any]:
    """Plain values: for each axis the runs at quarters of what all have, crossings, and who reaches whose last value.

    Between measurements values are interpolated linearly. Raises JournalError where nothing can be compared.
    """
    equal, crossings, reaches = {}, {}, {}
    for axis in axes:
        curves = _curves(runs, metric, axis)
        if curves is None:
            continue
        equal[axis] = _at_equal(curves, metric)
        crossings[axis] = [found for a, b in combinations(curves, 2) for found in _crossings(a, b)]
        reaches[axis] = [found for a in curves for b in curves if a is not b for found in _reaches(a, b)]
    if not any(equal.values()):
        names = " and ".join(run.name for run in runs)
        raise JournalError(f"{names} have no range of {metric} in common; there is nothing to compare")
    return {
        "metric": metric,
        "runs": [run.name for run in runs],
        "equal": equal,
        "crossings": crossings,
        "reaches": reaches,
        "verdict": "not established: a single seed each; a difference between two runs may be that of their seeds",
        "warnings": differences_that_matter(runs),
    }


def _curves(runs: Sequence[Run], metric: str, axis: Axis) -> list[Curve] | None:
    """The curves, finite points only; None where some run did not record the axis."""
    found = []
    for run in runs:
        try:
            whole = curve(run, metric, axis)
        except JournalError:
            if metric not in run.metrics.last:
                raise
            return None
        points = [(x, y) for x, y in zip(whole.x, whole.y, strict=True) if math.isfinite(y)]
        found.append(Curve(run.name, metric, axis, [x for x, _ in points], [y for _, y in points]))
    return found


def _at_equal(curves: Sequence[Curve], metric: str) -> list[dict[str, Any]]:
    start = max((min(one.x, default=math.inf) for one in curves), default=math.inf)
    end = min((max(one.x, default=-math.inf) for one in curves), default=-math.inf)
    if start > end:
        return []
    places = sorted({start + (end - start) * share for share in SHARES})
    rows = []
    for place in places:
        values = {one.name: one.at(place) if len(one.x) > 1 else one.y[0] for one in curves}
        known = {name: value for name, value in values.items() if value is not None}
        best = (max if higher_is_better(metric) else min)(known.values())
        leaders = [name for name, value in known.items() if value == best]
        rows.append({"at": place, "values": values, "leader": leaders[0] if len(leaders) == 1 else None})
    return rows


def _crossings(a: Curve, b: Curve) -> list[dict[str, Any]]:
    """Where one curve passes the other, between measurements by straight lines."""
    places = sorted({x for one in (a, b) for x in one.x})
    pairs = [(x, a.at(x), b.at(x)) for x in places]
    known = [(x, p - q) for x, p, q in pairs if p is not None and q is not None]
    apart = [(x, difference) for x, difference in known if difference]
    found = []
    for (x, before), (next_x, after) in pairwise(apart):
        if before * after < 0:
            meets = [place for place, difference in known if x < place < next_x and not difference]
            place = meets[0] if meets else x + (next_x - x) * before / (before - after)
            leads = a.name if (after < 0) != higher_is_better(a.metric) else b.name
            found.append({"at": place, "leads_from_there": leads})
    return found


def _reaches(a: Curve, b: Curve) -> list[dict[str, Any]]:
    """Where `b` first is as good as the last value of `a`, as a share of where `a` got it."""
    if not a.x or not b.x:
        return []
    end, last = max(a.points)
    for x, y in b.points:
        if y == last or is_better(a.metric, y, last):
            return [{"run": b.name, "reaches": a.name, "value": last, "at": x, "share": x / end if end else None}]
    return [{"run": b.name, "reaches": a.name, "value": last, "at": None, "share": None}]


def differences_that_matter(runs: Sequence[Run]) -> list[str]:
    """What makes the comparison of runs mean less, a sentence each: other data, another task, a bug, alarms."""
    first, *others = runs
    told = []
    for other in others:
        if first.origin.get("data") != other.origin.get("data"):
            told.append(f"{first.name} and {other.name} were trained on other data: their numbers are of other texts")
        elif _task(first) != _task(other):
            told.append(
                f"{first.name} and {other.name} have other settings of the task: their scores may differ by that"
            )
    told += [f"the verdict on {run.name} is bug" for run in runs if run.verdict == "bug"]
    told += [
        f"the audits of {run.name} raised {len(alarms)} alarms" for run in runs if (alarms := run.summary.get("alarms"))
    ]
    return told


def _task(run: Run) -> Any:
    task = run.experiment.get("task")
    return {key: value for key, value in task.items() if key != "path"} if isinstance(task, dict) else task
