"""The scan and its gradient where each is one pass over memory, done by whoever is handed in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from seqlab.kernels.once import once_differentiable

__all__ = ["Pass", "scan_in_one_pass"]

Pass = Callable[..., None]
"""Called as pass("forward", u, decay, initial, states, like=u) and as pass("backward", grad, decay, initial, states,
grad_u, grad_decay, carried, like=grad_u); tensors are contiguous and the last ones are written to.

`like` has the shape of the inputs. carried (b, q, d) begins as zeros and ends as the gradient of `initial`. A constant
decay's gradient is summed over the positions of each row into zeros (b, q, d), in float64.
"""


def scan_in_one_pass(
    u: Float[Tensor, "b l p d"], decay: Float[Tensor, "*bl q d"], initial: Float[Tensor, "b q d"] | None, way: Pass
) -> Float[Tensor, "b l q d"]:
    """The reference's function, in float32 or float64."""
    start = decay.new_zeros(len(u), *decay.shape[-2:]) if initial is None else initial
    states: Tensor = _Scan.apply(u, decay, start, way)
    return states


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(u: Tensor, decay: Tensor, initial: Tensor, way: Pass) -> Tensor:
        states = u.new_empty(*u.shape[:2], *decay.shape[-2:])
        way("forward", u.contiguous(), decay.contiguous(), initial.contiguous(), states, like=u)
        return states

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        u, decay, initial, ctx.way = inputs
        ctx.save_for_backward(decay, initial, output)
        ctx.input_shape = u.shape

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        decay, initial, states = ctx.saved_tensors
        constant = decay.ndim == 2
        grad_u, carried = grad.new_empty(ctx.input_shape), grad.new_zeros(initial.shape)
        grad_decay = grad.new_zeros(initial.shape, dtype=torch.float64) if constant else torch.empty_like(states)
        given = [grad.contiguous(), decay.contiguous(), initial.contiguous(), states]
        ctx.way("backward", *given, grad_u, grad_decay, carried, like=grad_u)
        return grad_u, grad_decay.sum(0).to(decay.dtype) if constant else grad_decay, carried, None
