"""The approximation of gelu in C++ on the CPU (gelu_tanh.cpp): torch spends twice to three times as long on tanh."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from seqlab.kernels.gelu_tanh.fast import gelu_tanh_torch
from seqlab.kernels.native import DTYPES, Native

__all__ = ["NATIVE", "gelu_tanh_native"]

NATIVE = Native(Path(__file__).with_name("gelu_tanh.cpp"))


def gelu_tanh_native(x: Float[Tensor, "*bl d"]) -> Float[Tensor, "*bl d"]:
    """The reference's function. A second derivative takes torch's operations."""
    y: Tensor = _GeluTanh.apply(x)
    return y


class _GeluTanh(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor) -> Tensor:
        x = x.contiguous()
        y = torch.empty_like(x)
        NATIVE.run(f"forward_{DTYPES[x.dtype]}", x, y, x.numel())
        return y

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        if torch.is_grad_enabled():  # asked for a graph: the gradient is to have a gradient
            gradients: tuple[Tensor, ...] = torch.autograd.grad(gelu_tanh_torch(x), x, grad, create_graph=True)
            return gradients[0]
        x, grad = x.contiguous(), grad.contiguous()
        grad_x = torch.empty_like(x)
        NATIVE.run(f"backward_{DTYPES[x.dtype]}", x, grad, grad_x, x.numel())
        return grad_x
