"""Groups of runs along an axis: means with the bands of their seeds, and how far their differences are established."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from seqlab.journal.contrast import LEVEL, Contrast, contrast
from seqlab.journal.curves import UNITS, Axis
from seqlab.journal.digest import higher_is_better
from seqlab.journal.groups import Bundle
from seqlab.journal.names import enumerated
from seqlab.statistics import mean_and_error, quantile

__all__ = ["bands", "contrasts", "places", "unsure", "verdict"]

STRETCHES = 40
"""Of the range in common, at whose ends differences are looked at and bands are drawn."""
ALONG = tuple(index / STRETCHES for index in range(STRETCHES + 1))
Range = tuple[float, float] | None


def places(within: Range, shares: Sequence[float]) -> list[float]:
    """The places at these shares of a range; none of no range."""
    if within is None:
        return []
    start, end = within
    return sorted({min(start + (end - start) * share, end) for share in shares})  # rounding must not pass the end


def bands(bundles: Sequence[Bundle], within: Range, shares: Sequence[float] = ALONG) -> dict[str, dict[str, list[Any]]]:
    """For each group its mean at these shares of the range, its standard error, and the 95 % interval of the mean over
    its seeds, at every place alone; None for a single seed."""
    return {one.name: _band(one, places(within, shares)) for one in bundles}


def _band(one: Bundle, along: Sequence[float]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {name: [] for name in ("at", "mean", "standard_error", "low", "high")}
    for place in along:
        values = one.at(place).values()
        mean, error = mean_and_error(values)
        half = None if error is None else quantile(LEVEL / 2, len(values) - 1) * error
        ends = (None, None) if half is None else (mean - half, mean + half)
        for name, value in zip(found, (place, mean, error, *ends), strict=True):
            found[name].append(value)
    return found


def contrasts(bundles: Sequence[Bundle], within: Range, metric: str) -> list[list[Contrast]]:
    """For each pair of groups its contrasts along the range, the last one at its end."""
    pairs = list(combinations(bundles, 2))
    return [
        [
            contrast(
                (a.name, b.name), place, a.at(place), b.at(place),
                pairs=len(pairs), higher_is_better=higher_is_better(metric),
            )
            for place in places(within, ALONG)
        ]
        for a, b in pairs
    ]  # fmt: skip


def unsure(crossing: float, along: Sequence[Contrast]) -> list[float | None] | None:
    """The range around a crossing of two means in which no difference is established: where the true crossing may be.

    An end is None where the difference is established nowhere on that side. None for single seeds.
    """
    if not along or along[-1].low is None:
        return None
    sure = [one.at for one in along if one.is_established]
    before, behind = [at for at in sure if at <= crossing], [at for at in sure if at >= crossing]
    return [max(before, default=None), min(behind, default=None)]


def verdict(ends: Mapping[Axis, Sequence[Contrast]]) -> str:
    """For each pair of groups, by its contrast at the end of each axis: different, or not established; a line each."""
    pairs: dict[tuple[str, str], dict[str, Contrast]] = {}
    for axis, found in ends.items():
        for one in found:
            pairs.setdefault((one.a, one.b), {})[UNITS[axis]] = one
    if all(one.seeds == (1, 1) for found in pairs.values() for one in found.values()):
        return "not established: a single seed each; a difference between two runs may be that of their seeds"
    return "\n".join(f"{a} and {b}: {_judged(found)}" for (a, b), found in pairs.items())


def _judged(by_unit: Mapping[str, Contrast]) -> str:
    if any(one.low is None for one in by_unit.values()):
        return "not established: single seed; a difference from one run may be that of its seed"
    different = [unit for unit, one in by_unit.items() if one.is_established]
    open_ones = [unit for unit in by_unit if unit not in different]
    told = [
        f"{what} at equal {enumerated(units)}"
        for what, units in (("different", different), ("not established", open_ones))
        if units
    ]
    return "; ".join(told)
