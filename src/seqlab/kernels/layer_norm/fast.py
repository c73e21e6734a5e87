"""The layer norm by torch's function."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

__all__ = ["layer_norm_torch"]


def layer_norm_torch(x: Float[Tensor, "*b d"], eps: float) -> Float[Tensor, "*b d"]:
    """The reference's function."""
    return F.layer_norm(x, x.shape[-1:], eps=eps)
