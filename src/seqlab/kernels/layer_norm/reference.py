"""The layer norm by its definition."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["layer_norm_reference"]


def layer_norm_reference(x: Float[Tensor, "*b d"], eps: float = 1e-5) -> Float[Tensor, "*b d"]:
    """(x - mean) / sqrt(variance + eps) in float32 or wider; the result has x's dtype."""
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    centred = wide - wide.mean(-1, keepdim=True)
    return (centred / (centred.square().mean(-1, keepdim=True) + eps).sqrt()).to(x.dtype)
