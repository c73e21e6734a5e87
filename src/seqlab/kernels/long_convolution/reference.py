"""The long convolution by its definition: a Toeplitz matrix for each channel."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["long_convolution_reference"]


def long_convolution_reference(
    u: Float[Tensor, "b l d"],
    taps: Float[Tensor, "d k"],
    skip: Float[Tensor, " d"],
    taps_back: Float[Tensor, "d k"] | None = None,
) -> Float[Tensor, "b l d"]:
    """y_t = sum_{s <= t} taps_{t-s} u_s + sum_{s > t} back_{s-t-1} u_s + skip u_t.

    Taps beyond the last are zero; taps beyond l are never reached.
    """
    time = torch.arange(u.shape[1], device=u.device)
    lag = time[:, None] - time[None, :]
    toeplitz = _taps_at(taps, lag)
    if taps_back is not None:
        toeplitz = toeplitz + _taps_at(taps_back, -lag - 1)
    return torch.einsum("dts,bsd->btd", toeplitz, u) + skip * u


def _taps_at(taps: Tensor, lag: Tensor) -> Tensor:
    """(d, k) at lags (l, l) -> (d, l, l), zero where there is no tap."""
    last = taps.shape[-1] - 1
    return taps[:, lag.clamp(0, last)] * ((lag >= 0) & (lag <= last))
