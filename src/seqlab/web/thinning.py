"""Long curves for a screen: as many points as it can show, the least and the largest of every stretch among them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["finite", "running_mean", "thinned"]

Numbers = NDArray[np.float64]


def thinned(values: Numbers, points: int) -> NDArray[np.intp]:
    """(M,): the places of the values (N,) that are drawn, ascending; all of them where N <= points.

    Else the least and the largest finite value of each of points / 2 stretches, one that is no number of a stretch
    without any, and both ends.
    """
    count = values.size
    if count <= points:
        return np.arange(count)
    each = -(-count // max(1, points // 2))
    stretches = -(-count // each)
    padded = np.full(stretches * each, np.nan)
    padded[:count] = values
    padded[~np.isfinite(padded)] = np.nan
    rows = padded.reshape(stretches, each)
    starts = np.arange(stretches) * each
    least = np.argmin(np.where(np.isnan(rows), np.inf, rows), axis=1)
    largest = np.argmax(np.where(np.isnan(rows), -np.inf, rows), axis=1)
    found: NDArray[np.intp] = np.unique(np.concatenate([[0], starts + least, starts + largest, [count - 1]]))
    return found[found < count]


def running_mean(values: Numbers, window: int) -> Numbers:
    """(N,): the mean of the last `window` values at each place; what is no number is left out of it."""
    finite = np.isfinite(values)
    sums = np.concatenate([[0.0], np.cumsum(np.where(finite, values, 0.0))])
    counts = np.concatenate([[0], np.cumsum(finite)])
    ends = np.arange(1, values.size + 1)
    starts = np.maximum(ends - window, 0)
    with np.errstate(invalid="ignore"):
        mean: Numbers = (sums[ends] - sums[starts]) / (counts[ends] - counts[starts])
    return mean


def finite(values: Numbers) -> list[Any]:
    """As JSON has them: None leaves a gap."""
    return [value if there else None for value, there in zip(values.tolist(), np.isfinite(values), strict=True)]
