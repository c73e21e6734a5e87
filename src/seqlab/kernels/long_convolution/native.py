"""The long convolution in C++: channels side by side, a right-angle transform of l points, no spectra kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from seqlab.kernels.native import DTYPES, Native
from seqlab.kernels.once import once_differentiable

__all__ = ["NATIVE", "long_convolution_native"]

NATIVE = Native(Path(__file__).with_name("long_convolution.cpp"))


def long_convolution_native(
    u: Float[Tensor, "b l d"],
    taps: Float[Tensor, "d k"],
    skip: Float[Tensor, " d"],
    taps_back: Float[Tensor, "d k"] | None = None,
) -> Float[Tensor, "b l d"]:
    """The reference's function. u and the taps may be of any strides; taps that lie (k, d) in memory are not copied.

    The gradient transforms again what the forward pass did: that costs no more than reading it back from memory.
    """
    wide = torch.promote_types(torch.promote_types(u.dtype, taps.dtype), torch.float32)
    stored = u.to(wide) if wide == torch.float64 else u
    back = None if taps_back is None else taps_back.to(wide)
    y: Tensor = _Convolution.apply(stored, taps.to(wide), skip.to(wide), back)
    return y.to(u.dtype)


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(u: Tensor, taps: Tensor, skip: Tensor, back: Tensor | None) -> Tensor:
        u, rows, skip = u.contiguous(), taps.T.contiguous(), skip.contiguous()
        rows_back = None if back is None else back.T.contiguous()
        y = torch.empty_like(u)
        NATIVE.run(f"forward_{DTYPES[u.dtype]}", u, rows, rows_back, skip, y, *u.shape, len(rows))
        return y

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor | None, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        u, taps, skip, back = ctx.saved_tensors
        u, grad, rows, skip = u.contiguous(), grad.contiguous(), taps.T.contiguous(), skip.contiguous()
        rows_back = None if back is None else back.T.contiguous()
        # Taps that lie beyond the input have no gradient.
        fresh = torch.empty_like if len(rows) <= u.shape[1] else torch.zeros_like
        grad_rows = fresh(rows)
        grad_back = None if rows_back is None else fresh(rows_back)
        grad_u, grad_skip = torch.empty_like(u), torch.empty_like(skip)
        sizes = (*u.shape, len(rows))
        gradients = (grad_u, grad_rows, grad_back, grad_skip)
        NATIVE.run(f"backward_{DTYPES[u.dtype]}", u, rows, rows_back, skip, grad, *gradients, *sizes)
        return grad_u, grad_rows.T, grad_skip, None if grad_back is None else grad_back.T
