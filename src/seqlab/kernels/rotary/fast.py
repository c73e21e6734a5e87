"""The rotary embedding in two passes over each half; its gradient is the rotation backwards."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

__all__ = ["rotary_halves"]


def rotary_halves(
    x: Float[Tensor, "b l h d"], position: Int[Tensor, "#b l"], base: float = 10000.0
) -> Float[Tensor, "b l h d"]:
    """The reference's function; angles, and the products of a narrow x, are in float32 or wider."""
    wide = torch.promote_types(x.dtype, torch.float32)
    half = x.shape[-1] // 2
    rate = base ** (-torch.arange(half, dtype=wide, device=x.device) / half)
    angle = (position[..., None] * rate)[:, :, None, :]
    y: Tensor = _Rotation.apply(x, angle.cos(), angle.sin())
    return y


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    first, second = x.to(cos.dtype).chunk(2, dim=-1)
    turned = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    ahead, behind = turned.chunk(2, dim=-1)
    ahead.copy_(torch.addcmul(first * cos, second, sin, value=-1))
    behind.copy_(torch.addcmul(second * cos, first, sin))
    return turned


class _Rotation(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        return _rotate(x, cos, sin)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs[1:])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        cos, sin = ctx.saved_tensors
        return _Rotation.apply(grad, cos, -sin), None, None
