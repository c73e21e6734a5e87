"""Two groups of runs at one place: their difference with its interval, and whether it is established.

Values of equal seeds are paired, for equal seeds share the order of the data and, where the models are alike, the first
weights: Student's t of the differences over the common seeds. Without two seeds in common it is Welch's t (Biometrika
34:28, 1947), which lets each group have a spread of its own. Coarse values are taken for no more exact than they are
(`statistics.rounding`).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from seqlab.statistics import mean_and_error, quantile, rounding

__all__ = ["LEVEL", "Contrast", "contrast"]

LEVEL = 0.05
"""How often a difference may be said where there is none, over all pairs of a comparison together."""

Values = Mapping[Hashable, float]


@dataclass(frozen=True)
class Contrast:
    """The first group less the second, at one place of an axis."""

    a: str
    b: str
    at: float
    difference: float
    """Of the means; where seeds are paired, over the seeds that both have."""
    low: float | None
    """The interval of the difference; None for a single seed, which has none."""
    high: float | None
    how: str
    """"paired", "welch", or "single seed"."""
    seeds: tuple[int, int]
    """Runs of each that count."""
    separated: str | None
    """The group all of whose runs are better than all of the other's; None where none is."""
    chance: float
    """Of that for a given one of the two if there is no difference: one over the ways to deal the runs to them."""

    @property
    def is_established(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self) | {"verdict": "different" if self.is_established else "not established"}


def contrast(
    names: tuple[str, str], at: float, a: Values, b: Values, *, pairs: int, higher_is_better: bool
) -> Contrast:
    """The contrast of two groups' values by seed. pairs: how many are looked at together; LEVEL is divided by them."""
    common = [key for key in a if key in b]
    if len(common) > 1:
        a, b = {key: a[key] for key in common}, {key: b[key] for key in common}
    difference = mean_and_error(a.values())[0] - mean_and_error(b.values())[0]
    how, half = _interval(a, b, LEVEL / pairs)
    low, high = (None, None) if half is None else (difference - half, difference + half)
    counts = len(a), len(b)
    better = _separated(names, list(a.values()), list(b.values()), higher_is_better)
    return Contrast(*names, at, difference, low, high, how, counts, better, 1 / math.comb(sum(counts), counts[0]))


def _interval(a: Values, b: Values, level: float) -> tuple[str, float | None]:
    """How it is made, and half its width."""
    coarse = _rounding(a, b)
    if len(a) > 1 and a.keys() == b.keys():
        error = mean_and_error([a[key] - b[key] for key in a])[1] or 0.0
        return "paired", quantile(level / 2, len(a) - 1) * math.sqrt(error**2 + coarse / len(a))
    if min(len(a), len(b)) < 2:
        return "single seed", None
    parts = [((mean_and_error(one.values())[1] or 0.0) ** 2 + coarse / 2 / len(one), len(one) - 1) for one in (a, b)]
    variance = sum(part for part, _ in parts)
    if not variance:
        return "welch", 0.0
    freedom = variance**2 / sum(part**2 / count for part, count in parts)
    return "welch", quantile(level / 2, freedom) * math.sqrt(variance)


def _rounding(a: Values, b: Values) -> float:
    keys = [*dict.fromkeys([*a, *b])]
    return rounding(np.array([[one.get(key, np.nan) for key in keys] for one in (a, b)]))


def _separated(names: tuple[str, str], a: list[float], b: list[float], higher_is_better: bool) -> str | None:
    if min(a) > max(b):
        return names[0] if higher_is_better else names[1]
    if max(a) < min(b):
        return names[1] if higher_is_better else names[0]
    return None
