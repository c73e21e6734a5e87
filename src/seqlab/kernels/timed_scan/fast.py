"""The recurrence with a learned clock in torch's operations, around the scan."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from seqlab.kernels.scan import scan

__all__ = ["PIECE", "elapsed", "timed_scan_torch"]

PIECE = 56
"""Positions that are computed at once where there is a gradient: few enough for the cache."""


def elapsed(
    time: Float[Tensor, "*bl d"], size: Float[Tensor, " d"], theta: Float[Tensor, " d"]
) -> Float[Tensor, "*bl 2 d"]:
    """size e^{i theta} to the power of the time that passes, as real and imaginary part."""
    modulus, angle = torch.exp(time * size.log()), time * theta
    return torch.stack([modulus * angle.cos(), modulus * angle.sin()], dim=-2)


def timed_scan_torch(
    time: Float[Tensor, "b l d"],
    data: Float[Tensor, "b l d"],
    size: Float[Tensor, " d"],
    theta: Float[Tensor, " d"],
    initial: Float[Tensor, "b 2 d"],
    starts: Bool[Tensor, "b l"] | None,
    bias: float,
    piece: int | None,
) -> tuple[Float[Tensor, "b l d"], Float[Tensor, "b 2 d"]]:
    """The reference's function; initial, size and theta are in float32 or wider. Every `piece` positions are computed
    once more in the backward pass, so that only the states at their borders are kept; None: everything is."""
    given = (time, data) if starts is None else (time, data, starts)
    if piece is None:
        return _piece(initial, size, theta, bias, *given)
    outputs, state = [], initial
    for own in zip(*(tensor.split(piece, dim=1) for tensor in given), strict=True):
        everything = state, size, theta, bias, *own
        y, state = checkpoint(_piece, *everything, use_reentrant=False, preserve_rng_state=False)
        outputs.append(y)
    return torch.cat(outputs, dim=1), state


def _piece(
    state: Tensor, size: Tensor, theta: Tensor, bias: float, time: Tensor, data: Tensor, starts: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    passed = torch.sigmoid(time.to(size.dtype) + bias)
    decay = elapsed(passed, size, theta)
    decay = decay if starts is None else torch.where(starts[..., None, None], 0, decay)
    states = scan((passed * data.to(size.dtype))[:, :, None], decay, state)
    return states[:, :, 0].to(data.dtype), states[:, -1]
