"""Gradients that exist once."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import torch

__all__ = ["once_differentiable"]

Gradients = TypeVar("Gradients")


def once_differentiable(backward: Callable[..., Gradients]) -> Callable[..., Gradients]:
    """A Function's `backward` whose operations have no gradients: it raises RuntimeError where a graph is asked of it.

    torch's decorator of this name lets the graph be made and raises when it is walked through. But torch.autograd.grad
    walks only to the tensors that it is asked about: with a path around the kernel, as every residual block has, it
    would leave out the kernel's share and say nothing.
    """

    @functools.wraps(backward)
    def once(ctx: Any, *grads: Any) -> Gradients:
        if torch.is_grad_enabled() and not torch.compiler.is_compiling():
            name = type(ctx).__name__.removesuffix("Backward").removesuffix("Generated").strip("_")
            raise RuntimeError(f"the gradient of {name} exists once: no create_graph=True, which torch.func sets.")
        return backward(ctx, *grads)

    return once
