"""The RMS norm by its definition."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["rms_norm_reference"]


def rms_norm_reference(
    x: Float[Tensor, "*b d"], weight: Float[Tensor, " d"] | None = None, eps: float = 1e-6
) -> Float[Tensor, "*b d"]:
    """x / sqrt(mean(x^2) + eps) . weight in float32 or wider; the result has x's dtype."""
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    y = wide / (wide.square().mean(-1, keepdim=True) + eps).sqrt()
    return (y if weight is None else y * weight).to(x.dtype)
