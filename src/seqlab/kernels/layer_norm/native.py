"""The layer norm and its gradient in C++ on the CPU (layer_norm.cpp): x is read where it lies, such as heads
between others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from seqlab.kernels.layer_norm.fast import layer_norm_torch
from seqlab.kernels.native import DTYPES, Native

__all__ = ["NATIVE", "layer_norm_native"]

NATIVE = Native(Path(__file__).with_name("layer_norm.cpp"))


def layer_norm_native(x: Float[Tensor, "*b d"], eps: float) -> Float[Tensor, "*b d"]:
    """The reference's function. A second derivative takes torch's operations."""
    y: Tensor = _LayerNorm.apply(x, eps)[0]
    return y


class _LayerNorm(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor, eps: float) -> tuple[Tensor, Tensor]:
        rows, y = _in_rows(x), x.new_empty(x.shape)
        moments = x.new_empty(*x.shape[:-1], 2, dtype=torch.promote_types(x.dtype, torch.float32))
        NATIVE.run(f"forward_{DTYPES[x.dtype]}", rows, y, moments, *rows.shape, *rows.stride()[:2], eps)
        return y, moments

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, float], output: tuple[Tensor, Tensor]) -> None:
        x, ctx.eps = inputs
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(x, output[1])

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _: Any) -> tuple[Tensor, None]:
        x, moments = ctx.saved_tensors
        if torch.is_grad_enabled():  # asked for a graph: the gradient is to have a gradient
            gradients: tuple[Tensor, ...] = torch.autograd.grad(
                layer_norm_torch(x, ctx.eps), x, grad, create_graph=True
            )
            return gradients[0], None
        rows, grad, grad_x = _in_rows(x), grad.contiguous(), x.new_empty(x.shape)
        NATIVE.run(f"backward_{DTYPES[x.dtype]}", rows, moments, grad, grad_x, *rows.shape, *rows.stride()[:2])
        return grad_x, None


def _in_rows(x: Tensor) -> Tensor:
    """(groups, rows, d), without a copy where the groups, the rows within one, and the entries of a row are each at one
    distance."""
    x = x if x.stride(-1) == 1 else x.contiguous()
    return x.reshape(-1, x.shape[-2] if x.ndim > 1 else 1, x.shape[-1])
