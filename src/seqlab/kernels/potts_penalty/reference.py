"""The squared norm by its definition."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from seqlab.kernels.potts_logits.reference import Form, couplings

__all__ = ["potts_penalty_reference"]


def potts_penalty_reference(
    left: Float[Tensor, "b h l e"], right: Float[Tensor, "b h l e"], form: Form = "all"
) -> Float[Tensor, " b"]:
    """sum of J_ij(a, b)^2 over ordered pairs; over j before i where the form says so, J as it is scaled there."""
    j, length = couplings(left, right), left.shape[2]
    if form != "all":
        before = torch.ones(length, length, dtype=left.dtype, device=left.device).tril(-1)
        j = j * before[:, None, :, None]
    if form == "before_scaled":
        j = j / torch.arange(length, device=left.device).clamp(min=1).to(left.dtype)[:, None, None, None]
    return j.square().sum((1, 2, 3, 4))
