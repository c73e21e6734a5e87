"""The mean distance by its definition."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["deviation_reference"]


def deviation_reference(
    values: Float[Tensor, "l h"], centre: Float[Tensor, " h"], least: float = -math.inf
) -> Float[Tensor, " h"]:
    """The mean of |max(value, least) - centre| over each column, in float32 or wider."""
    wide = torch.promote_types(values.dtype, torch.float32)
    return (values.clamp(min=least) - centre.to(wide)).abs().mean(0)
