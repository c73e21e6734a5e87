"""The short convolution in C++: x is read once and y written once, in their own dtype."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from seqlab.kernels.native import DTYPES, Native
from seqlab.kernels.short_convolution.fast import shifted_gradients

__all__ = ["NATIVE", "short_convolution_native"]

NATIVE = Native(Path(__file__).with_name("short_convolution.cpp"))
PIECE = 64
"""Positions that one thread takes at a time; every piece sums the weight's gradient on its own."""


def short_convolution_native(
    x: Float[Tensor, "b l d"], weight: Float[Tensor, "d k"], bias: Float[Tensor, " d"] | None = None
) -> Float[Tensor, "b l d"]:
    """The reference's function, accumulated in float32 or wider. A second derivative takes torch's operations."""
    wide = torch.promote_types(x.dtype, torch.float32)
    offset = weight.new_zeros(weight.shape[0]) if bias is None else bias
    y: Tensor = _ShortConvolution.apply(x, weight.to(wide), offset.to(wide))
    return y


class _ShortConvolution(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        x, rows, bias = x.contiguous(), weight.T.contiguous(), bias.contiguous()
        y = torch.empty_like(x)
        NATIVE.run(f"forward_{DTYPES[x.dtype]}", x, rows, bias, y, *x.shape, len(rows), PIECE)
        return y

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        x, weight, _ = inputs
        ctx.save_for_backward(x, weight)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, weight = ctx.saved_tensors
        if torch.is_grad_enabled():  # asked for a graph: the gradient is to have a gradient
            grad_x, grad_weight, grad_bias = shifted_gradients(grad.to(weight.dtype), x.to(weight.dtype), weight)
            return grad_x.to(x.dtype), grad_weight, grad_bias
        x, grad, rows = x.contiguous(), grad.contiguous(), weight.T.contiguous()
        grad_x = torch.empty_like(x)
        pieces = x.shape[0] * -(-x.shape[1] // PIECE)
        sums = rows.new_empty(pieces, len(rows) + 1, x.shape[2])  # of every tap's weight, then of the bias
        NATIVE.run(f"backward_{DTYPES[x.dtype]}", x, rows, grad, grad_x, sums, *x.shape, len(rows), PIECE)
        total = sums.sum(0)
        return grad_x, total[:-1].T, total[-1]
