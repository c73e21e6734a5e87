"""A function's forward pass, and its forward pass with the gradients of all that goes in, as calls to be timed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

__all__ = ["Call", "backward", "forward", "forward_backward"]

Call = Callable[[], tuple[Tensor, ...]]
"""A pass, ready to be run: the value, and behind it the gradients where they are asked for."""


def forward(function: Callable[..., Tensor], *inputs: Tensor) -> Call:
    """The forward pass alone, with nothing kept for a backward pass."""

    def call() -> tuple[Tensor, ...]:
        with torch.no_grad():
            return (function(*inputs),)

    return call


def forward_backward(
    function: Callable[..., Tensor], *inputs: Tensor, parameters: Sequence[nn.Parameter] = ()
) -> Call:  # fmt: skip
    """The value, and the gradients of every input and parameter for one cotangent, the same for equal shapes."""
    leaves = [x.detach().requires_grad_() for x in inputs]

    def call() -> tuple[Tensor, ...]:
        y = function(*leaves)
        return (y.detach(), *torch.autograd.grad(y, [*leaves, *parameters], cotangent.to(y.dtype)))

    with torch.no_grad():
        y = function(*inputs)
    cotangent = torch.randn(y.shape, generator=torch.Generator().manual_seed(0)).to(y.device)
    return call


def backward(function: Callable[..., Tensor], *inputs: Tensor, parameters: Sequence[nn.Parameter] = ()) -> Call:
    """The gradients alone, of every input and parameter, through a graph that was made beforehand and is kept."""
    leaves = [x.detach().requires_grad_() for x in inputs]
    y = function(*leaves)
    cotangent = torch.randn(y.shape, generator=torch.Generator().manual_seed(0)).to(y.device, y.dtype)

    def call() -> tuple[Tensor, ...]:
        return torch.autograd.grad(y, [*leaves, *parameters], cotangent, retain_graph=True)

    return call
