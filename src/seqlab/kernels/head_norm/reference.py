"""The layer norm of each head by its definition."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

__all__ = ["head_norm_reference"]


def head_norm_reference(
    x: Float[Tensor, "*b h e"], weight: Float[Tensor, "h e"], eps: float
) -> Float[Tensor, "*b h e"]:
    """(x - mean) / sqrt(variance + eps) over E, the variance that of the population, then a weight, in float32 or
    wider."""
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    return F.layer_norm(wide, x.shape[-1:], eps=eps) * weight
