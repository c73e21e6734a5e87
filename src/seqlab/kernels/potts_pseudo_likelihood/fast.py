"""The same as one product of matrices for all sites of all sequences."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

__all__ = ["potts_pseudo_likelihood_product"]


def potts_pseudo_likelihood_product(
    fields: Float[Tensor, "l e"],
    couplings: Float[Tensor, "l e l e"],
    letters: Int[Tensor, "s l"],
    weights: Float[Tensor, " s"],
) -> Float[Tensor, ""]:
    """The reference's function; memory grows with S L E and with the couplings."""
    length, size = fields.shape
    chosen = torch.nn.functional.one_hot(letters, size + 1)[..., :size].to(fields.dtype)
    apart = 1 - torch.eye(length, dtype=fields.dtype, device=fields.device)
    between = (couplings * apart[:, None, :, None]).flatten(2).flatten(0, 1)
    logits = fields + (chosen.flatten(1) @ between.T).unflatten(1, (length, size))
    logs = logits.log_softmax(-1).mul(chosen).sum(-1)
    total: Tensor = -(weights @ logs).sum()
    return total
