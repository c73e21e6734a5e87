"""Alarms for a best value on the edge of its grid: the true best may lie beyond, and what to run to know."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from seqlab.sweeps.select.groups import Group
from seqlab.sweeps.select.knobs import is_ordered, knobs, numbers

__all__ = ["Alarm", "alarms", "extension"]

FURTHER = 2
"""How many values are proposed beyond an edge."""
ALIKE = 0.05
"""Steps that differ by less than this share of themselves are steps of one size."""
DIGITS = 4
"""Of a proposed value: as many as a person would type."""


@dataclass(frozen=True)
class Alarm:
    """A knob whose lowest or highest value is the best, or may be."""

    arm: str
    """The arm whose best cell it is; "" in a sweep that varies numbers only."""
    knob: str
    edge: str
    """"lowest" or "highest"."""
    value: float
    whose: str
    """"winner"; or "ties": the winner lies inside, but cells on the edge cannot be told from it."""
    extension: tuple[float, ...]
    """Values to run; none where the scale ends there."""

    def __str__(self) -> str:
        who = "the best cell has" if self.whose == "winner" else "cells that cannot be told from the best have"
        who = f"of {self.arm} {who}" if self.arm else who
        more = ",".join(f"{value:g}" for value in self.extension)
        to_do = f"run {self.knob}={more}" if more else "its scale ends there"
        return f"{who} the {self.edge} {self.knob} that was tried, {self.value:g}; {to_do}"

    def to_json(self) -> dict[str, Any]:
        """Plain values, the sentence among them."""
        return {**asdict(self), "extension": list(self.extension), "message": str(self)}


def alarms(arm: str, groups: Sequence[Group], winner: Group, ties: Sequence[Group]) -> list[Alarm]:
    """For every knob of ordered numbers with an edge that holds the winner of an arm or one of its ties.

    An edge that holds ties counts only where some value has none: a knob that makes no difference has no best value.
    """
    found = []
    for path, tried in knobs(groups).items():
        values = numbers(tried)
        if len(values) < 2 or not is_ordered(tried):
            continue
        tied = {group.settings[path] for group in ties if path in group.settings}
        best = winner.settings.get(path)
        for edge, value in (("lowest", values[0]), ("highest", values[-1])):
            if value == best or (value in tied and len(tied) < len(tried)):
                whose = "winner" if value == best else "ties"
                found.append(Alarm(arm, path, edge, value, whose, extension(values, edge)))
    return found


def extension(values: Sequence[float], edge: str, further: int = FURTHER) -> tuple[float, ...]:
    """The values that go on beyond an edge as the grid went before it.

    In equal steps where the last two are equal and lead not across zero, else in equal ratios; towards 1 by the ratio
    of what is missing, where all values are shares and the largest is above a half. What has no negative values is not
    extended to or below zero, and whole numbers stay whole. values: at least two, ascending.
    """
    inwards = values[:3] if edge == "lowest" else values[:-4:-1]
    proposed = _continued(inwards, further, all(0 < value < 1 for value in values))
    if all(isinstance(value, int) for value in values):
        proposed = [round(value) for value in proposed]
    floor = 0 if min(values) >= 0 else -math.inf
    beyond = [value for value in proposed if (value < values[0] or value > values[-1]) and value > floor]
    return tuple(dict.fromkeys(beyond))


def _continued(inwards: Sequence[float], further: int, are_shares: bool) -> list[float]:
    """The next values before `inwards`, two or three values from the edge into the grid."""
    last, before = inwards[:2]
    step, counts = last - before, range(1, further + 1)
    is_even = len(inwards) > 2 and math.isclose(step, before - inwards[2], rel_tol=ALIKE)
    crosses_zero = last * (last + step * further) <= 0
    if last * before <= 0 or (is_even and not crosses_zero):
        proposed = [_rounded(last + step * k, step) for k in counts]
    else:
        proposed = [_rounded(last * (last / before) ** k) for k in counts]
    if are_shares and last > 0.5 and max(proposed) >= 1:
        missing = (1 - last) / (1 - before)
        proposed = [_rounded(1 - (1 - last) * missing**k, (1 - last) * missing**k) for k in counts]
    return proposed


def _rounded(value: float, scale: float | None = None) -> float:
    """To DIGITS digits of itself, or of `scale` where it came about by adding."""
    size = abs(value if scale is None else scale)
    return round(value, DIGITS - 1 - math.floor(math.log10(size))) if size else value
