"""Weights of sequences: one over the number of sequences that are like it, itself included."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqlab.kernels.neighbours import neighbours

__all__ = ["Likeness", "sequence_weights"]

Likeness = Literal["at_least", "more_than", "letters"]
"""When two sequences are alike, at the share t of identity: `at_least` t of all columns, equal gaps counted (plmc);
`more_than` t of them; or t of the columns where the sequence itself has a letter, gaps never counted as equal."""


def sequence_weights(
    alignment: NDArray[np.integer], identity: float = 0.8, likeness: Likeness = "at_least", gap: int | None = None
) -> NDArray[np.float64]:
    """(N, L) -> (N,). Their sum is the effective number of sequences.

    gap: which letter that is, for `letters`. A sequence without any letter is like nobody but itself. Raises
    ValueError for an empty alignment, an identity outside 0 to 1, and `letters` without a gap.
    """
    if alignment.ndim != 2 or 0 in alignment.shape:
        raise ValueError(f"an alignment has sequences and columns; this one has the shape {alignment.shape}.")
    if not 0 < identity <= 1:
        raise ValueError(f"the identity is {identity}; it must be above 0 and at most 1.")
    if likeness == "letters" and gap is None:
        raise ValueError("without gaps counted, say which letter is the gap.")
    whole = torch.from_numpy(np.ascontiguousarray(alignment, dtype=np.int64))
    unequal = -1 if gap is None or likeness != "letters" else gap
    least = _least((whole != unequal).sum(1), identity, strictly=likeness == "more_than")
    counts = neighbours(whole, least, unequal).clamp(min=1)
    weights: NDArray[np.float64] = 1.0 / counts.double().numpy()
    return weights


def _least(lengths: Tensor, identity: float, strictly: bool) -> Tensor:
    """How many equal letters make two sequences alike: whole numbers, so that no rounding decides."""
    shares = lengths.double() * identity
    whole = shares.round()
    exact = (shares - whole).abs() < 1e-9 * shares.clamp(min=1)
    least = torch.where(exact, whole, shares.ceil()) + (exact & strictly)
    return least.clamp(min=1).long()
