"""Hyena's recurrence in C++: what lies between its linears is read once and written once.

A block of channels stays in the cache from the short convolution to the last gate. Nothing is kept for the gradient
but the inputs: it does the forward pass again, block by block.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from seqlab.kernels.native import DTYPES, Native
from seqlab.kernels.once import once_differentiable

__all__ = ["NATIVE", "gated_convolutions_native"]

NATIVE = Native(Path(__file__).with_name("gated_convolutions.cpp"))


def gated_convolutions_native(
    projected: Float[Tensor, "b l s d"],
    short_weight: Float[Tensor, "s d j"],
    short_bias: Float[Tensor, "s d"],
    taps: Float[Tensor, "s-2 d k"],
    skip: Float[Tensor, "s-2 d"],
    taps_back: Float[Tensor, "s-2 d k"] | None = None,
) -> Float[Tensor, "b l d"]:
    """The reference's function; its gradient exists once. Taps that lie (s-2, k, d) in memory are not copied."""
    wide = torch.promote_types(torch.promote_types(projected.dtype, taps.dtype), torch.float32)
    stored = projected.to(wide) if wide == torch.float64 else projected
    back = None if taps_back is None else taps_back.to(wide)
    others = (short_weight.to(wide), short_bias.to(wide), taps.to(wide), skip.to(wide), back)
    y: Tensor = _GatedConvolutions.apply(stored, *others)
    return y.to(projected.dtype)


class _GatedConvolutions(torch.autograd.Function):
    @staticmethod
    def forward(
        projected: Tensor, weight: Tensor, bias: Tensor, taps: Tensor, skip: Tensor, back: Tensor | None
    ) -> Tensor:
        inputs, sizes = _laid_out(projected, weight, bias, taps, skip, back)
        y = projected.new_empty(*projected.shape[:2], projected.shape[3])
        NATIVE.run(f"forward_{DTYPES[projected.dtype]}", *inputs, y, *sizes)
        return y

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor | None, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        inputs, sizes = _laid_out(*ctx.saved_tensors)
        # Taps that lie beyond the input have no gradient.
        fresh = torch.empty_like if sizes[-1] <= sizes[1] else torch.zeros_like
        gradients = [None if tensor is None else fresh(tensor) for tensor in inputs]
        NATIVE.run(f"backward_{DTYPES[grad.dtype]}", *inputs, grad.contiguous(), *gradients, *sizes)
        projected, weight, bias, taps, back, skip = gradients
        return projected, _turned(weight), bias, _turned(taps), skip, _turned(back)


def _laid_out(
    projected: Tensor, weight: Tensor, bias: Tensor, taps: Tensor, skip: Tensor, back: Tensor | None
) -> tuple[list[Tensor | None], tuple[int, ...]]:
    """The arrays, channels last, and the sizes, as the C++ functions take them."""
    sizes = (*projected.shape[:2], len(taps), projected.shape[3], weight.shape[2], taps.shape[2])
    rows = (projected, _turned(weight), bias, _turned(taps), _turned(back), skip)
    return [None if tensor is None else tensor.contiguous() for tensor in rows], sizes


def _turned(taps: Tensor | None) -> Tensor | None:
    """(..., d, k) -> (..., k, d) and back."""
    return None if taps is None else taps.mT
