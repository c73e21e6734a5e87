"""Conditional logits by their definition: all couplings laid out, (B, L, E, L, E)."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

__all__ = ["Form", "couplings", "potts_logits_reference"]

Form = Literal["all", "before", "before_scaled"]


def couplings(left: Float[Tensor, "b h l e"], right: Float[Tensor, "b h l e"]) -> Float[Tensor, "b l e l e"]:
    """J_ij(a, b) = sum_h left_h(i, a) right_h(j, b), zero where i = j."""
    whole = torch.einsum("bhia,bhjc->biajc", left, right)
    apart = 1 - torch.eye(left.shape[2], dtype=left.dtype, device=left.device)
    return whole * apart[:, None, :, None]


def potts_logits_reference(
    left: Float[Tensor, "b h l e"],
    right: Float[Tensor, "b h l e"],
    fields: Float[Tensor, "b l e"],
    letters: Int[Tensor, "b s l"],
    form: Form = "all",
) -> Float[Tensor, "b s l e"]:
    """h_i(a) + sum_j J_ij(a, x_j) over all other j, or over those before i, there divided by max(i, 1) where scaled."""
    size, length = fields.shape[2], fields.shape[1]
    one_hot = torch.nn.functional.one_hot(letters, size).to(left.dtype)
    weights = torch.ones(length, length, dtype=left.dtype, device=left.device)
    if form != "all":
        weights = weights.tril(-1)
    if form == "before_scaled":
        weights = weights / torch.arange(length, device=left.device).clamp(min=1)[:, None]
    j = couplings(left, right) * weights[:, None, :, None]
    return fields[:, None] + torch.einsum("biajc,bsjc->bsia", j, one_hot)
