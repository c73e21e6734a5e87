"""The pseudo-likelihood by its definition, sequence by sequence."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

__all__ = ["potts_pseudo_likelihood_reference"]


def potts_pseudo_likelihood_reference(
    fields: Float[Tensor, "l e"],
    couplings: Float[Tensor, "l e l e"],
    letters: Int[Tensor, "s l"],
    weights: Float[Tensor, " s"],
) -> Float[Tensor, ""]:
    """sum_n w_n sum_i -log softmax_a(h_i(a) + sum_{j != i} J_ij(a, x_nj)) at x_ni; the letter E is no letter."""
    length, size = fields.shape
    sites = torch.arange(length)
    total = fields.new_zeros(())
    for sequence, weight in zip(letters, weights, strict=True):
        known = sequence < size
        letter = sequence.clamp(max=size - 1)
        others = couplings[:, :, sites, letter] * known * (sites[:, None] != sites)[:, None]  # of j's letter, (L, E, L)
        logs = torch.log_softmax(fields + others.sum(2), 1)[sites, letter]
        total = total - weight * (logs * known).sum()
    return total
