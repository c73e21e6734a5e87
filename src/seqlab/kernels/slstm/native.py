"""The scalar LSTM's loops over time in C++ on the CPU (slstm.cpp)."""

from __future__ import annotations

from pathlib import Path

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from seqlab.kernels.native import DTYPES, Native
from seqlab.kernels.slstm.through_time import Loops, Memory, Trace, slstm_through_time

__all__ = ["NATIVE", "slstm_native"]

NATIVE = Native(Path(__file__).with_name("slstm.cpp"))


def slstm_native(
    x: Float[Tensor, "b l h 4 d"],
    recurrence: Float[Tensor, "h 4 d d"],
    initial: Memory | None = None,
    starts: Bool[Tensor, "b l"] | None = None,
) -> tuple[Float[Tensor, "b l h d"], Float[Tensor, "b h d"], Float[Tensor, "b h d"], Float[Tensor, "b h d"]]:
    """The reference's function, where `NATIVE.serves(x)`."""
    return slstm_through_time(_NativeLoops(), x, recurrence, initial, starts)


class _NativeLoops(Loops):
    def forward(self, x: Tensor, recurrence: Tensor, initial: Memory, starts: Tensor | None) -> Trace:
        batch, length, heads, _, units = x.shape
        y, c, n = x.new_empty(3, batch, length, heads, units)
        trace = Trace(y, c, n, x.new_empty(batch, heads, units), x.new_empty(batch, length, heads, 5, units))
        sizes = batch, length, heads, units
        NATIVE.run(f"forward_{DTYPES[x.dtype]}", x, recurrence, *initial, _contiguous(starts), *trace, *sizes)
        return trace

    def backward(
        self, grads: tuple[Tensor, ...], recurrence: Tensor, initial: Memory, starts: Tensor | None, trace: Trace
    ) -> tuple[Tensor, Memory]:
        batch, length, heads, units = trace.y.shape
        # The gradients of the last memory become those of the first on the way.
        carried = torch.zeros_like(grads[1]), grads[1].clone(), grads[2].clone(), grads[3].clone()
        grad_x = trace.y.new_empty(batch, length, heads, 4, units)
        given = grads[0], recurrence, initial[1].contiguous(), initial[2].contiguous(), _contiguous(starts)
        sizes = batch, length, heads, units
        function = f"backward_{DTYPES[grad_x.dtype]}"
        NATIVE.run(function, *given, trace.c, trace.n, trace.gates, grad_x, *carried, *sizes)
        return grad_x, carried


def _contiguous(starts: Tensor | None) -> Tensor | None:
    return None if starts is None else starts.contiguous()
