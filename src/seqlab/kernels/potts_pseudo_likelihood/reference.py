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
    i, j = torch.triu_indices(length, length, 1)
    whole[j, i] = couplings.mT
    if seen == "all":
        whole[i, j] = couplings
    for sequence, weight in zip(letters, weights, strict=True):
        for site, letter in enumerate(sequence.tolist()):
            if letter < size:
                known = ((sequence < size) & (torch.arange(length, device=letters.device) != site)).nonzero().flatten()
                logits = fields[site] + whole[site, known, :, sequence[known]].sum(0)
                total = total - weight * torch.log_softmax(logits, 0)[letter]
    return total
