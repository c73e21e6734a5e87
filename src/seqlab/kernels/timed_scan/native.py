"""The recurrence with a learned clock in C++ on the CPU (timed_scan.cpp): a pass reads and writes its arrays once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from seqlab.kernels.native import DTYPES, Native
from seqlab.kernels.once import once_differentiable

__all__ = ["NATIVE", "timed_scan_native"]

NATIVE = Native(Path(__file__).with_name("timed_scan.cpp"))
PIECE = 16
"""Positions whose states and decays the gradient computes again at once: what it reads of them, of 128 features, fits
the first cache."""


def timed_scan_native(
    time: Float[Tensor, "b l d"],
    data: Float[Tensor, "b l d"],
    size: Float[Tensor, " d"],
    theta: Float[Tensor, " d"],
    initial: Float[Tensor, "b 2 d"],
    starts: Bool[Tensor, "b l"] | None,
    bias: float,
) -> tuple[Float[Tensor, "b l d"], Float[Tensor, "b 2 d"]]:
    """The reference's function; initial, size and theta are in float32 or wider."""
    y, last, _ = _TimedScan.apply(time, data, torch.stack([size.log(), theta]), initial, starts, bias)
    return y, last


class _TimedScan(torch.autograd.Function):
    """rate (2, D): the logarithm of z, as real and imaginary part."""

    @staticmethod
    def forward(
        time: Tensor, data: Tensor, rate: Tensor, initial: Tensor, starts: Tensor | None, bias: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        batch, length, features = data.shape
        y, last = data.new_empty(data.shape), initial.new_empty(initial.shape)
        borders = rate.new_empty(batch, -(-length // PIECE), 2, features)
        given = [_contiguous(tensor) for tensor in (time, data, rate, initial, starts)]
        sizes = batch, length, features, PIECE, float(bias)
        NATIVE.run(f"forward_{DTYPES[data.dtype]}", *given, y, borders, last, *sizes)
        return y, last, borders

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor, Tensor]) -> None:
        time, data, rate, _, starts, ctx.bias = inputs
        ctx.mark_non_differentiable(output[2])
        ctx.save_for_backward(time, data, rate, starts, output[2])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_y: Tensor, grad_last: Tensor, _: Any) -> tuple[Tensor | None, ...]:
        time, data, rate, starts, borders = ctx.saved_tensors
        batch, length, features = data.shape
        grad_time, grad_data = data.new_empty(2, batch, length, features)
        grad_rate = rate.new_empty(batch, 2, features, dtype=torch.float64)
        carried = grad_last.clone(memory_format=torch.contiguous_format)
        given = [_contiguous(tensor) for tensor in (time, data, rate, starts, borders, grad_y)]
        sizes = batch, length, features, PIECE, float(ctx.bias)
        results = grad_time, grad_data, grad_rate, carried
        NATIVE.run(f"backward_{DTYPES[data.dtype]}", *given, *results, *sizes)
        return grad_time, grad_data, grad_rate.sum(0).to(rate.dtype), carried, None, None


def _contiguous(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.contiguous()
