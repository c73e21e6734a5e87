"""Long curves with fewer points that look the same: of every stretch the lowest and the highest value stay."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["thinned"]

Numbers = NDArray[np.float64]


def thinned(x: Numbers, y: Numbers, stretches: int = 400) -> tuple[Numbers, Numbers]:
    """Points of a curve, by x: of each of the equal stretches of x the first, the lowest, the highest and the last one,
    and one that is not finite where there is one, so that a gap stays a gap.

    x, y: (N,). A curve of at most five points a stretch comes back whole.
    """
    order = np.argsort(x, kind="stable")
    x, y = x[order], y[order]
    if len(x) <= 5 * stretches:
        return x, y
    stretch = np.minimum((x - x[0]) / ((x[-1] - x[0]) or 1.0) * stretches, stretches - 1).astype(int)
    begins = np.flatnonzero(np.diff(stretch, prepend=-1)).tolist()
    kept = np.unique(
        np.concatenate([_of_stretch(y, *ends) for ends in zip(begins, [*begins[1:], len(x)], strict=True)])
    )
    return x[kept], y[kept]


def _of_stretch(y: Numbers, begin: int, end: int) -> NDArray[np.int64]:
    finite = begin + np.flatnonzero(np.isfinite(y[begin:end]))
    gaps = begin + np.flatnonzero(~np.isfinite(y[begin:end]))[:1]
    extremes = [finite[y[finite].argmin()], finite[y[finite].argmax()]] if len(finite) else []
    return np.array([begin, end - 1, *extremes, *gaps])
