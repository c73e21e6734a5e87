"""The linear map by its definition."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

__all__ = ["linear_reference"]


def linear_reference(
    x: Float[Tensor, "*bl d"], weight: Float[Tensor, "e d"], bias: Float[Tensor, " e"] | None = None
) -> Float[Tensor, "*bl e"]:
    """y_e = sum_d weight_ed x_d + bias_e."""
    y = (x[..., None, :] * weight).sum(-1)
    return y if bias is None else y + bias
