"""The pseudo-likelihood by its definition, sequence by sequence."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

__all__ = ["Seen", "potts_pseudo_likelihood_reference"]

Seen = Literal["all", "before"]
"""What a site's letter is given: all others (pseudo-likelihood), or those before it (the exact likelihood of arDCA)."""


def potts_pseudo_likelihood_reference(
    fields: Float[Tensor, "l e"],
    couplings: Float[Tensor, "pairs e e"],
    letters: Int[Tensor, "s l"],
    weights: Float[Tensor, " s"],
    seen: Seen = "all",
) -> Float[Tensor, ""]:
    """sum_n w_n sum_i -log softmax_a(h_i(a) + sum_j J_ij(a, x_nj)) at x_ni; the letter E is no letter."""
    length, size = fields.shape
    whole = fields.new_zeros(length, length, size, size)
    total = fields.new_zeros(())
    for (i, j), block in zip(torch.triu_indices(length, length, 1).T.tolist(), couplings, strict=True):
        whole[j, i] = block.T
        if seen == "all":
            whole[i, j] = block
    for sequence, weight in zip(letters.tolist(), weights, strict=True):
        for i, letter in enumerate(sequence):
            if letter < size:
                known = [j for j in range(length) if j != i and sequence[j] < size]
                logits = fields[i] + sum((whole[i, j, :, sequence[j]] for j in known), fields.new_zeros(size))
                total = total - weight * torch.log_softmax(logits, 0)[letter]
    return total
