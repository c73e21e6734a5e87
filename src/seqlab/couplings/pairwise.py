"""A pairwise model of an alignment's columns, as direct fits give it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqlab.couplings.gauge import zero_sum

__all__ = ["Array", "Kept", "Law", "Pairwise", "laid_out"]

Array = NDArray[np.float64]
Law = Literal["joint", "autoregressive"]
"""joint: p(x) is proportional to exp(sum_i h_i(x_i) + sum_{i<j} J_ij(x_i, x_j)). autoregressive: p(x) is the product of
softmax_a(h_i(a) + sum_{j<i} J_ji(x_j, a)) at x_i, with the sites in their order."""


class Kept(NamedTuple):
    """Which columns of an alignment a model is of."""

    columns: NDArray[np.int64]
    """(L,), counted from 0."""
    width: int
    """How many columns the alignment has."""


@dataclass(frozen=True)
class Pairwise:
    """Fields and couplings of L sites and q letters."""

    fields: Array
    """(L, q)."""
    pairs: Array
    """J_ij(a, b) of the pairs i < j, row by row (numpy.triu_indices): (L (L - 1) / 2, q, q)."""
    law: Law
    order: NDArray[np.int64]
    """(L,): which of the columns each site is. 0, 1, 2 ... but for autoregressive models of another order."""
    kept: Kept | None = None
    """Which columns those are; None where that is not known."""

    def couplings(self) -> Array:
        """(L, q, L, q) of the alignment's columns, symmetric, zero at i = j."""
        whole = laid_out(self.pairs, len(self.fields))
        back = np.argsort(self.order)
        return whole if (back == np.arange(len(back))).all() else np.ascontiguousarray(whole[back][:, :, back])

    def of_columns(self) -> Array:
        """Fields (L, q) of the alignment's columns."""
        return self.fields[np.argsort(self.order)]

    def zero_sum(self) -> Pairwise:
        """The same distribution with the smallest couplings, fields changed too; see gauge.zero_sum. Raises ValueError
        for an autoregressive model, whose sites have gauges of their own."""
        if self.law != "joint":
            raise ValueError("the zero-sum gauge of all sites is that of a joint model, not of an autoregressive one.")
        fields, couplings = zero_sum(self.fields, laid_out(self.pairs, len(self.fields)))
        i, j = np.triu_indices(len(fields), 1)
        return replace(self, fields=fields, pairs=couplings[i, :, j])


def laid_out(pairs: Array, length: int) -> Array:
    """(pairs, q, q) -> (L, q, L, q)."""
    size = pairs.shape[1]
    whole = np.zeros((length, size, length, size))
    i, j = np.triu_indices(length, 1)
    whole[i, :, j] = pairs
    whole[j, :, i] = pairs.transpose(0, 2, 1)
    return whole
