"""Mean-field direct coupling analysis (arXiv 1110.5091): couplings are the negative inverse of the covariance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seqlab.couplings.statistics import frequencies

__all__ = ["mean_field"]

Array = NDArray[np.float64]


def mean_field(
    alignment: NDArray[np.integer], size: int, weights: Array | None = None, pseudocount: float = 0.5
) -> tuple[Array, Array]:
    """Fields (L, q) and couplings (L, q, L, q), zero for the last letter, which is the reference.

    Frequencies are mixed with uniform ones in the share `pseudocount`. Raises ValueError where that is not in (0, 1].
    """
    if not 0 < pseudocount <= 1:
        raise ValueError(f"the pseudocount is {pseudocount}; it must be above 0 and at most 1.")
    single, pairs = _mixed(*frequencies(alignment, size, weights), pseudocount)
    length, kept = len(single), size - 1
    flat = single[:, :kept].reshape(-1)
    inverse = np.linalg.inv(pairs[:, :kept, :, :kept].reshape(len(flat), len(flat)) - np.outer(flat, flat))
    couplings = np.zeros((length, size, length, size))
    couplings[:, :kept, :, :kept] = -inverse.reshape(length, kept, length, kept)
    couplings[np.arange(length), :, np.arange(length)] = 0
    logs = np.log(single)
    fields = logs - logs[:, -1:] - np.einsum("iajb,jb->ia", couplings, single)
    return fields, couplings


def _mixed(single: Array, pairs: Array, share: float) -> tuple[Array, Array]:
    """A pair of different columns is mixed with 1/q^2; a column with itself stays a column with itself."""
    length, size = single.shape
    mixed = (1 - share) * pairs + share / size**2
    own = (1 - share) * single + share / size
    mixed[np.arange(length), :, np.arange(length)] = np.stack([np.diag(row) for row in own])
    return own, mixed
