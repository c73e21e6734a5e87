"""The short convolution by its definition: at every position, the last k inputs weighed one by one."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["short_convolution_reference"]


def short_convolution_reference(
    x: Float[Tensor, "b l d"], weight: Float[Tensor, "d k"], bias: Float[Tensor, " d"] | None = None
) -> Float[Tensor, "b l d"]:
    """y_t = bias + sum_j weight_j x_{t-(k-1)+j}, with zeros before the first position."""
    taps = weight.shape[1]
    padded = torch.cat([x.new_zeros(x.shape[0], taps - 1, x.shape[2]), x], dim=1)
    y = torch.stack([(padded[:, t : t + taps] * weight.T).sum(1) for t in range(x.shape[1])], dim=1)
    return y if bias is None else y + bias
