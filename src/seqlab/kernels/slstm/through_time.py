"""The scalar LSTM with its gradient through time; who runs the two loops over time is an argument."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from seqlab.kernels.once import once_differentiable

__all__ = ["Loops", "Memory", "Trace", "slstm_through_time"]

Memory = tuple[Float[Tensor, "b h d"], Float[Tensor, "b h d"], Float[Tensor, "b h d"], Float[Tensor, "b h d"]]
"""y, c, n and m."""


class Trace(NamedTuple):
    """What the forward loop leaves behind, in float32 or wider."""

    y: Tensor
    """(b, l, h, d), and so `c` and `n`, each after its position."""
    c: Tensor
    n: Tensor
    m: Tensor
    """(b, h, d), after the last position."""
    gates: Tensor
    """(b, l, h, 5, d): exp(i - m'), exp(log sigmoid(f) + m - m'), tanh(z), sigmoid(o) and sigmoid(-f)."""


class Loops(ABC):
    """Both directions of time."""

    @abstractmethod
    def forward(self, x: Tensor, recurrence: Tensor, initial: Memory, starts: Tensor | None) -> Trace:
        """From the first position to the last."""

    @abstractmethod
    def backward(
        self, grads: tuple[Tensor, ...], recurrence: Tensor, initial: Memory, starts: Tensor | None, trace: Trace
    ) -> tuple[Tensor, Memory]:
        """From the last position to the first: the gradients of every y (b, l, h, d) and of the last c, n and m, all
        contiguous -> those of x and of the initial memory."""


def slstm_through_time(
    loops: Loops, x: Tensor, recurrence: Tensor, initial: Memory | None, starts: Tensor | None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The reference's function by those loops."""
    wide = torch.promote_types(x.dtype, torch.float32)
    batch, _, heads, _, units = x.shape
    given = x.new_zeros(4, batch, heads, units, dtype=wide) if initial is None else initial
    memory = (entry.to(wide).contiguous() for entry in given)
    y, c, n, m, *_ = _ThroughTime.apply(
        loops, starts, x.to(wide).contiguous(), recurrence.to(wide).contiguous(), *memory
    )
    return y.to(x.dtype), c, n, m


class _ThroughTime(torch.autograd.Function):
    @staticmethod
    def forward(
        loops: Loops, starts: Tensor | None, x: Tensor, recurrence: Tensor, y: Tensor, c: Tensor, n: Tensor, m: Tensor
    ) -> tuple[Tensor, ...]:
        trace = loops.forward(x, recurrence, (y, c, n, m), starts)
        return trace.y, trace.c[:, -1].clone(), trace.n[:, -1].clone(), trace.m, trace.c, trace.n, trace.gates

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        ctx.loops, ctx.starts, _, *kept = inputs
        y, _, _, m, c, n, gates = output
        ctx.mark_non_differentiable(c, n, gates)
        ctx.save_for_backward(*kept, y, c, n, m, gates)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        recurrence, y, c, n, m, *trace = ctx.saved_tensors
        given = tuple(grad.contiguous() for grad in grads[:4])
        grad_x, grad_initial = ctx.loops.backward(given, recurrence, (y, c, n, m), ctx.starts, Trace(*trace))
        before = torch.cat([y[:, None], trace[0][:, :-1]], dim=1)
        if ctx.starts is not None:
            before = before.masked_fill(ctx.starts[..., None, None], 0)
        return None, None, grad_x, torch.einsum("blhgo,blhi->hgoi", grad_x, before), *grad_initial
