"""The approximation of gelu by its definition."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["gelu_tanh_reference"]


def gelu_tanh_reference(x: Float[Tensor, "*bl d"]) -> Float[Tensor, "*bl d"]:
    """x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) in float32 or wider; the result has x's dtype."""
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    return (wide / 2 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (wide + 0.044715 * wide**3)))).to(x.dtype)
