"""The recurrence in C++ on the CPU: one pass over memory forward and one back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from seqlab.kernels.native import Native

__all__ = ["NATIVE", "scan_compiled"]

NATIVE = Native(Path(__file__).with_name("scan.cpp"))


def scan_compiled(
    u: Float[Tensor, "b l p d"], decay: Float[Tensor, "*bl q d"], initial: Float[Tensor, "b q d"] | None = None
) -> Float[Tensor, "b l q d"]:
    """The reference's function, in float32 or float64, where `NATIVE.usable()`."""
    start = decay.new_zeros(len(u), *decay.shape[-2:]) if initial is None else initial
    states: Tensor = _Scan.apply(u, decay, start)
    return states


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(u: Tensor, decay: Tensor, initial: Tensor) -> Tensor:
        states = u.new_empty(*u.shape[:2], *decay.shape[-2:])
        _run("forward", u.contiguous(), decay.contiguous(), initial.contiguous(), states, like=u)
        return states

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        u, decay, initial = inputs
        ctx.save_for_backward(decay, initial, output)
        ctx.input_shape = u.shape

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        decay, initial, states = ctx.saved_tensors
        grad_u, grad_initial = grad.new_empty(ctx.input_shape), torch.zeros_like(initial).contiguous()
        constant = decay.ndim == 2
        # The gradients of a constant decay are summed over each row in float64.
        grad_decay = torch.zeros_like(initial, dtype=torch.float64) if constant else torch.empty_like(states)
        given = [grad.contiguous(), decay.contiguous(), initial.contiguous(), states]
        _run("backward", *given, grad_u, grad_decay, grad_initial, like=grad_u)
        return grad_u, grad_decay.sum(0).to(decay.dtype) if constant else grad_decay, grad_initial


def _run(function: str, *tensors: Tensor, like: Tensor) -> None:
    """`like`, of the input's shape, and the decay, second of the tensors, tell the sizes."""
    batch, length, input_parts, features = like.shape
    name = "float" if like.dtype == torch.float32 else "double"
    decay = tensors[1]
    sizes = batch, length, features, input_parts, decay.shape[-2], int(decay.ndim == 2)
    NATIVE.run(f"{function}_{name}", *tensors, *sizes)
