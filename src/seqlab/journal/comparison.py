"""Groups of runs side by side: at equal steps, tokens, wall time and FLOPs; where one passes the other; what it takes
to catch up."""

from collections.abc import Mapping, Sequence
from itertools import combinations, pairwise, permutations
from typing import Any

from seqlab.journal import names
from seqlab.journal.bands import bands, contrasts, places, unsure, verdict
from seqlab.journal.curves import UNITS, Axis, Curve
from seqlab.journal.digest import higher_is_better, is_better
from seqlab.journal.errors import JournalError
from seqlab.journal.groups import Bundle, RunGroup, bundle, range_in_common
from seqlab.journal.run import Run
from seqlab.statistics import mean_and_error

__all__ = ["compared", "differences_that_matter", "position", "span"]

SHARES = (0.25, 0.5, 0.75, 1.0)
COMPARED: tuple[Axis, ...] = ("step", "tokens", "wall", "flops")


def compared(
    groups: Sequence[RunGroup], metric: str, axes: Sequence[Axis] = COMPARED, taints: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Plain values: for each axis the means at quarters of what all groups have, the difference of each pair with its
    interval; crossings of the means; who reaches whose last value; the means with their bands, to be drawn.

    Between measurements values are interpolated linearly. `taints`: run -> why it cannot be believed. An axis that some
    run did not record is left out, unless it is the only one. Raises JournalError where nothing can be compared.
    """
    runs = [run for group in groups for run in group.runs]
    over, left_out = _bundles(groups, metric, axes)
    means = {axis: [one.mean for one in bundles] for axis, bundles in over.items()}
    ranges = {axis: {one.name: _range(one) for one in curves} for axis, curves in means.items()}
    within = {axis: range_in_common(bundles) for axis, bundles in over.items()}
    if not any(within.values()):
        raise JournalError(_nothing_in_common(runs, metric, ranges))
    across = {axis: contrasts(bundles, within[axis], metric) for axis, bundles in over.items()}
    return {
        "metric": metric,
        "runs": [group.name for group in groups],
        "groups": {group.name: group.to_json() for group in groups},
        "equal": {axis: _at_equal(bundles, within[axis], metric) for axis, bundles in over.items()},
        "differences": {axis: [pair[-1].to_json() for pair in found if pair] for axis, found in across.items()},
        "ranges": ranges,
        "left_out": left_out,
        "crossings": {
            axis: [
                {**crossing, "between": unsure(crossing["at"], pair)}
                for (a, b), pair in zip(combinations(curves, 2), across[axis], strict=True)
                for crossing in _crossings(a, b)
            ]
            for axis, curves in means.items()
        },
        "reaches": {
            axis: [found for a, b in permutations(curves, 2) for found in _reaches(a, b)]
            for axis, curves in means.items()
        },
        "bands": {axis: bands(bundles, within[axis]) for axis, bundles in over.items()},
        "verdict": verdict({axis: [pair[-1] for pair in found if pair] for axis, found in across.items()}),
        "warnings": [
            *(told for group in groups for told in group.warnings()),
            *differences_that_matter(runs, taints or {}),
        ],
    }


def _bundles(
    groups: Sequence[RunGroup], metric: str, axes: Sequence[Axis]
) -> tuple[dict[Axis, list[Bundle]], dict[Axis, str]]:
    """The curves by axis, and why an axis is left out. Raises JournalError where none is left."""
    found: dict[Axis, list[Bundle]] = {}
    left_out: dict[Axis, str] = {}
    for axis in axes:
        try:
            found[axis] = [bundle(group, metric, axis) for group in groups]
        except JournalError as error:
            if len(axes) == 1 or any(metric not in run.metrics.last for group in groups for run in group.runs):
                raise
            left_out[axis] = str(error)
    return found, left_out


def _range(one: Curve) -> tuple[float, float] | None:
    """Where it has finite values."""
    return (one.points[0][0], one.points[-1][0]) if one.points else None


def span(ranges: Mapping[str, tuple[float, float] | None]) -> str:
    """Which range each run or group has: "first 2 to 20, second 12 to 14"."""
    nowhere = "has no place where all of it has a finite value"
    return ", ".join(
        f"{name} {' to '.join(dict.fromkeys(map(position, found))) if found else nowhere}"
        for name, found in ranges.items()
    )


def position(x: float) -> str:
    """A place on an axis: 12, 0.75, 1,234."""
    return f"{x:,.0f}" if x >= 100 or x == int(x) else f"{x:.4g}"


def _nothing_in_common(
    runs: Sequence[Run], metric: str, ranges: Mapping[Axis, Mapping[str, tuple[float, float] | None]]
) -> str:
    missing = f"{names.enumerated([run.name for run in runs])} have no range of {metric} in common"
    places = [f"{UNITS[axis]}: {span(there)}" for axis, there in ranges.items()]
    clock = "seconds begin with the process, and the first run of a worker pays for its start"
    why = [clock] if "wall" in ranges else []
    return "; ".join([missing, *places, *(_inherited(runs) or why)])


def _at_equal(bundles: Sequence[Bundle], within: tuple[float, float] | None, metric: str) -> list[dict[str, Any]]:
    rows = []
    for place in places(within, SHARES):
        found = {one.name: mean_and_error(one.at(place).values()) for one in bundles}
        values = {name: mean for name, (mean, _) in found.items()}
        best = (max if higher_is_better(metric) else min)(values.values())
        leaders = [name for name, value in values.items() if value == best]
        errors = {name: error for name, (_, error) in found.items()}
        leader = leaders[0] if len(leaders) == 1 else None
        rows.append({"at": place, "values": values, "standard_errors": errors, "leader": leader})
    return rows


def _crossings(a: Curve, b: Curve) -> list[dict[str, Any]]:
    """Where one curve passes the other, between measurements by straight lines."""
    places = sorted({x for one in (a, b) for x, _ in one.points})
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
    """Where `b` first is as good as the last value of `a`, as a share of where `a` got it; null where it never is."""
    if not a.points or not b.points:
        return []
    end, last = a.points[-1]
    at = next((x for x, y in b.points if y == last or is_better(a.metric, y, last)), None)
    share = at / end if at is not None and end else None
    return [{"run": b.name, "reaches": a.name, "value": last, "at": at, "share": share}]


def differences_that_matter(runs: Sequence[Run], taints: Mapping[str, str]) -> list[str]:
    """What makes the comparison of runs mean less, a sentence each: taints, other data, another task, alarms, a fork
    that has not the whole way behind it."""
    first, *others = runs
    told = [f"{run.name} is tainted: {taints[run.name]}" for run in runs if run.name in taints]
    for other in others:
        if first.origin.get("data") != other.origin.get("data"):
            told.append(f"{first.name} and {other.name} were trained on other data: their numbers are of other texts")
        elif _task(first) != _task(other):
            told.append(
                f"{first.name} and {other.name} have other settings of the task: their scores may differ by that"
            )
    told += [
        f"{run.name} has {'an alarm' if len(alarms) == 1 else f'{len(alarms)} alarms'}"
        for run in runs
        if (alarms := run.summary.get("alarms"))
    ]
    return told + _inherited(runs)


def _inherited(runs: Sequence[Run]) -> list[str]:
    """Which runs have only the end of a way: a sentence for each fork that goes on counting its parent's steps."""
    return [
        f"{run.name} goes on from {parent['run']} at step {parent['step']:,}: the steps before are its parent's, "
        "and its seconds count from there"
        for run in runs
        if (parent := run.parent) and "progress" in parent.get("inherited", ())
    ]


def _task(run: Run) -> Any:
    task = run.experiment.get("task")
    return {key: value for key, value in task.items() if key != "path"} if isinstance(task, dict) else task
