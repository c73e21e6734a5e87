"""What direct fits minimise: the penalised negative log-likelihood of an alignment, site by site."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqlab.kernels.potts_pseudo_likelihood import potts_pseudo_likelihood
from seqlab.kernels.potts_pseudo_likelihood.reference import Seen

__all__ = ["Objective"]


class Objective:
    """sum_n w_n sum_i -log P(x_ni | what i sees) + field_penalty |h|^2 + coupling_penalty sum_{i<j} |J_ij|^2.

    letters (N, L) from 0 to size - 1; `size` itself stands for no letter. One couplings parameter for i < j. A site
    sees `all` others (plmDCA) or those `before` it (arDCA). Raises ValueError for fewer than two columns, no sequence,
    and weights or penalties that are negative or no numbers.
    """

    def __init__(
        self,
        letters: NDArray[np.integer],
        size: int,
        weights: NDArray[np.float64],
        field_penalty: float,
        coupling_penalty: float,
        dtype: torch.dtype = torch.float64,
        seen: Seen = "all",
    ) -> None:
        if letters.ndim != 2 or letters.shape[1] < 2 or not len(letters):
            raise ValueError(f"couplings need sequences of at least two columns; the shape here is {letters.shape}.")
        if len(weights) != len(letters) or not (weights >= 0).all():
            raise ValueError(f"{len(letters):,} sequences need as many weights, none of them negative.")
        if not (field_penalty >= 0 and coupling_penalty >= 0):
            raise ValueError(f"the penalties are {field_penalty} and {coupling_penalty}; they must be at least 0.")
        self.letters = torch.from_numpy(np.ascontiguousarray(letters, dtype=np.int64))
        self.weights = torch.from_numpy(weights)
        self.field_penalty, self.coupling_penalty = field_penalty, coupling_penalty
        self.length, self.size, self.dtype, self.seen = letters.shape[1], size, dtype, seen

    def __call__(self, fields: Tensor, couplings: Tensor) -> Tensor:
        """Of fields (L, q) and couplings of the pairs i < j (pairs, q, q), with gradients of both."""
        penalty = self.field_penalty * fields.square().sum() + self.coupling_penalty * couplings.square().sum()
        weights = self.weights.to(fields.dtype)
        return potts_pseudo_likelihood(fields, couplings, self.letters, weights, self.seen) + penalty

    def counts(self) -> Tensor:
        """The weight of each letter at each site, (L, q)."""
        flat = self.letters + torch.arange(self.length) * (self.size + 1)
        counts = torch.zeros(self.length * (self.size + 1), dtype=torch.float64)
        counts.index_add_(0, flat.flatten(), self.weights.double().repeat_interleave(self.length))
        return counts.view(self.length, -1)[:, : self.size]
