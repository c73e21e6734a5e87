"""The long convolution by its definition: a lower-triangular Toeplitz matrix for each channel."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["long_convolution_reference"]


def long_convolution_reference(
    u: Float[Tensor, "b d l"], taps: Float[Tensor, "d k"], skip: Float[Tensor, " d"]
) -> Float[Tensor, "b d l"]:
    """y_t = sum_{s <= t} taps_{t-s} u_s + skip u_t; taps beyond the last are zero, taps beyond l are never reached."""
    length = u.shape[-1]
    time = torch.arange(length, device=u.device)
    lag = time[:, None] - time[None, :]
    reached = (lag >= 0) & (lag < taps.shape[-1])
    toeplitz = taps[:, lag.clamp(0, taps.shape[-1] - 1)] * reached
    return torch.einsum("dts,bds->bdt", toeplitz, u) + skip[:, None] * u
