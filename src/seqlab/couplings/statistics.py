"""Frequencies of letters and of pairs of letters, and their covariance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["covariance", "frequencies"]

Array = NDArray[np.float64]


def frequencies(alignment: NDArray[np.integer], size: int, weights: Array | None = None) -> tuple[Array, Array]:
    """f_i(a) as (L, q) and f_ij(a, b) as (L, q, L, q), weighted; at i = j the diagonal holds f_i(a)."""
    count, length = alignment.shape
    chosen = np.zeros((count, length * size), np.float64)
    np.put_along_axis(chosen, alignment.astype(np.int64) + size * np.arange(length), 1.0, axis=1)
    share = np.full(count, 1 / count) if weights is None else weights / weights.sum()
    pairs = (chosen * share[:, None]).T @ chosen
    return (share @ chosen).reshape(length, size), pairs.reshape(length, size, length, size)


def covariance(alignment: NDArray[np.integer], size: int, weights: Array | None = None) -> Array:
    """f_ij(a, b) - f_i(a) f_j(b) without the last letter, as one matrix (L (q-1), L (q-1)), i = j included."""
    single, pairs = frequencies(alignment, size, weights)
    kept = size - 1
    flat = single[:, :kept].reshape(-1)
    whole: Array = pairs[:, :kept, :, :kept].reshape(len(flat), len(flat)) - np.outer(flat, flat)
    return whole
