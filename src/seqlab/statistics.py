"""Means with their errors, and Student's t distribution to about twelve digits: without a library of statistics."""

from __future__ import annotations

import math
from collections.abc import Collection
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["mean_and_error", "quantile", "rounding", "upper_tail"]

PRECISE = 1e-15
FRACTIONS = 400
"""Terms of the continued fraction at most; a few dozen do."""


def mean_and_error(values: Collection[float]) -> tuple[float, float | None]:
    """The mean, NaN of nothing, and its standard error by the unbiased variance, None of fewer than two."""
    count = len(values)
    mean = math.fsum(values) / count if count else math.nan
    if count < 2:
        return mean, None
    return mean, math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (count - 1) / count)


def rounding(values: NDArray[np.float64]) -> float:
    """The variance that a difference has from rounding alone, by Sheppard's correction for the smallest step there is
    between two values; 0 where no group depends on its seed at all.

    values: (groups, seeds), NaN where a group lacks a seed.
    """
    if not (np.nanmin(values, axis=1) < np.nanmax(values, axis=1)).any():
        return 0.0
    step = np.diff(np.unique(values[~np.isnan(values)])).min()
    return float(step**2 / 6)


def upper_tail(t: float, freedom: float) -> float:
    """The chance of a value above `t` for so many degrees of freedom."""
    if math.isinf(t):
        return 0.0 if t > 0 else 1.0
    half = 0.5 * _incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t))
    return half if t >= 0 else 1 - half


@lru_cache(maxsize=4096)  # a sweep asks for the same few
def quantile(tail: float, freedom: float) -> float:
    """The value above which lies a share `tail` (0 < tail < 0.5) of the distribution, by bisection."""
    low, high = 0.0, 1.0
    while upper_tail(high, freedom) > tail:
        high *= 2
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if upper_tail(middle, freedom) > tail else (low, middle)
    return high


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function I_x(a, b) (Abramowitz and Stegun 26.5.8)."""
    if x <= 0 or x >= 1:
        return min(max(x, 0.0), 1.0)
    logarithm = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    if x < (a + 1) / (a + b + 2):
        return math.exp(logarithm) * _continued_fraction(a, b, x) / a
    return 1 - math.exp(logarithm) * _continued_fraction(b, a, 1 - x) / b


def _continued_fraction(a: float, b: float, x: float) -> float:
    """The fraction of 26.5.8 by Lentz's algorithm, forward until a term changes nothing."""
    numerator, denominator = 1.0, 1 / (1 - (a + b) * x / (a + 1))
    value = denominator
    for m in range(1, FRACTIONS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            numerator, denominator = 1 + term / numerator, 1 / (1 + term * denominator)
            value *= numerator * denominator
        if abs(numerator * denominator - 1) < PRECISE:
            break
    return value
