"""The approximation of gelu by torch's function."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

__all__ = ["gelu_tanh_torch"]


def gelu_tanh_torch(x: Float[Tensor, "*bl d"]) -> Float[Tensor, "*bl d"]:
    """The reference's function."""
    return F.gelu(x, approximate="tanh")
