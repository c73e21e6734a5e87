"""The same as one product of matrices for all sites of all sequences."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqlab.kernels.potts_pseudo_likelihood.reference import Seen

__all__ = ["potts_pseudo_likelihood_product"]


def potts_pseudo_likelihood_product(
    fields: Float[Tensor, "l e"],
    couplings: Float[Tensor, "pairs e e"],
    letters: Int[Tensor, "s l"],
    weights: Float[Tensor, " s"],
    seen: Seen = "all",
) -> Float[Tensor, ""]:
    """The reference's function; memory grows with S L E and with the couplings."""
    length, size = fields.shape
    chosen = torch.nn.functional.one_hot(letters, size + 1)[..., :size].to(fields.dtype)
    i, j = torch.triu_indices(length, length, 1, device=fields.device)
    between = couplings.new_zeros(length, length, size, size).index_put((j, i), couplings.transpose(1, 2))
    if seen == "all":
        between = between.index_put((i, j), couplings)
    products = chosen.flatten(1) @ between.transpose(1, 2).flatten(2).flatten(0, 1).T
    logits = fields + products.unflatten(1, (length, size))
    logs = logits.log_softmax(-1).mul(chosen).sum(-1)
    total: Tensor = -(weights @ logs).sum()
    return total
