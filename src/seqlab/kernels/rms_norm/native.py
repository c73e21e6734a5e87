"""The RMS norm and its gradient in C++ on the CPU (rms_norm.cpp): x is read twice, from the cache, and y written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from seqlab.kernels.native import DTYPES, Native
from seqlab.kernels.once import once_differentiable

__all__ = ["NATIVE", "rms_norm_native", "serves"]

NATIVE = Native(Path(__file__).with_name("rms_norm.cpp"))
PIECE = 256
"""Rows over which one thread sums the weight's gradient at a time."""


def serves(x: Tensor, weight: Tensor | None) -> bool:
    """Whether the C++ norm takes these: the weight is in float32 or wider, and fits."""
    wide = torch.promote_types(x.dtype, torch.float32)
    return (weight is None or (weight.dtype == wide and len(weight) == x.shape[-1])) and NATIVE.serves(x)


def rms_norm_native(x: Float[Tensor, "*b d"], weight: Float[Tensor, " d"] | None, eps: float) -> Float[Tensor, "*b d"]:
    """The reference's function; its gradient exists once."""
    if not torch.is_grad_enabled():  # a step of generation, where autograd's bookkeeping would be the longer part
        return _normed(x.contiguous(), weight, eps, None)
    y: Tensor = _RMSNorm.apply(x, weight, eps)[0]
    return y


def _normed(x: Tensor, weight: Tensor | None, eps: float, factors: Tensor | None) -> Tensor:
    y, width = torch.empty_like(x), x.shape[-1]
    weight = None if weight is None else weight.contiguous()
    NATIVE.run(f"forward_{DTYPES[x.dtype]}", x, weight, y, factors, x.numel() // width, width, eps)
    return y


class _RMSNorm(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor, weight: Tensor | None, eps: float) -> tuple[Tensor, Tensor]:
        factors = x.new_empty(x.shape[:-1], dtype=torch.promote_types(x.dtype, torch.float32))
        return _normed(x.contiguous(), weight, eps, factors), factors

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        x, weight, _ = inputs
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(x, weight, output[1])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, _: Any) -> tuple[Tensor | None, Tensor | None, None]:
        x, weight, factors = ctx.saved_tensors
        x, grad, width = x.contiguous(), grad.contiguous(), x.shape[-1]
        rows, name, grad_weight = x.numel() // width, DTYPES[x.dtype], None
        grad_x = torch.empty_like(x)
        factor = None if weight is None else weight.contiguous()
        NATIVE.run(f"backward_{name}", x, factor, factors, grad, grad_x, rows, width)
        if ctx.needs_input_grad[1]:
            sums = factors.new_empty(-(-rows // PIECE), width)
            NATIVE.run(f"weight_sums_{name}", x, factors, grad, sums, rows, width, PIECE)
            grad_weight = sums.sum(0)
        return grad_x, grad_weight, None
