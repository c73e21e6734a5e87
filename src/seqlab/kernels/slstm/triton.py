"""The scalar LSTM's loops over time on a GPU: a program walks one head of one row, forward and back.

The recurrence is read in slices at every position, from the caches, so that a head may have any number of units; what
it multiplies is read from memory too, where the program's threads have put it.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from jaxtyping import Bool, Float
from torch import Tensor

from seqlab.kernels.slstm.through_time import Loops, Memory, Trace, slstm_through_time

__all__ = ["slstm_triton"]

SLICE = 16
"""Units of the position before that are multiplied at a time."""


def slstm_triton(
    x: Float[Tensor, "b l h 4 d"],
    recurrence: Float[Tensor, "h 4 d d"],
    initial: Memory | None = None,
    starts: Bool[Tensor, "b l"] | None = None,
) -> tuple[Float[Tensor, "b l h d"], Float[Tensor, "b h d"], Float[Tensor, "b h d"], Float[Tensor, "b h d"]]:
    """The reference's function, in float32 or float64."""
    return slstm_through_time(_TritonLoops(), x, recurrence, initial, starts)


class _TritonLoops(Loops):
    def forward(self, x: Tensor, recurrence: Tensor, initial: Memory, starts: Tensor | None) -> Trace:
        batch, length, heads, _, units = x.shape
        y, c, n = x.new_empty(3, batch, length, heads, units)
        trace = Trace(y, c, n, torch.empty_like(initial[3]), x.new_empty(batch, length, heads, 5, units))
        _run(_forward, (x, recurrence, *initial, _bytes(starts, trace.y), *trace), trace.y)
        return trace

    def backward(
        self, grads: tuple[Tensor, ...], recurrence: Tensor, initial: Memory, starts: Tensor | None, trace: Trace
    ) -> tuple[Tensor, Memory]:
        # The gradients of the last memory become those of the first on the way.
        carried = torch.zeros_like(grads[1]), grads[1].clone(), grads[2].clone(), grads[3].clone()
        grad_x = torch.empty_like(trace.gates[..., :4, :], memory_format=torch.contiguous_format)
        given = grads[0], recurrence, initial[1], initial[2], _bytes(starts, trace.y), trace.c, trace.n, trace.gates
        _run(_backward, (*given, grad_x, *carried), trace.y)
        return grad_x, carried


def _bytes(starts: Tensor | None, like: Tensor) -> Tensor:
    given = like.new_zeros(like.shape[:2], dtype=torch.bool) if starts is None else starts
    return given.to(torch.uint8).contiguous()


def _run(kernel: triton.JITFunction, tensors: tuple[Tensor, ...], like: Tensor) -> None:
    batch, length, heads, units = like.shape
    block = triton.next_power_of_2(units)
    warps = min(max(block // SLICE, 1), 16)
    kernel[batch, heads](*tensors, length, heads, units, block, SLICE, num_warps=warps)


@triton.jit
def _tanh(x):
    """By its continued fraction where the difference of two numbers near 1 would lose the digits."""
    s = x * x
    near = x / (1 + s / (3 + s / (5 + s / (7 + s / (9 + s / (11 + s / (13 + s / 15)))))))
    return tl.where(tl.abs(x) < 0.5, near, 2 * tl.sigmoid(2 * x) - 1)


@triton.jit
def _forward(
    x,
    recurrence,
    y0,
    c0,
    n0,
    m0,
    starts,
    ys,
    cs,
    ns,
    m_last,
    gates,
    length,
    heads,
    units,
    BLOCK: tl.constexpr,
    SLICE: tl.constexpr,
):
    row, head = tl.program_id(0).to(tl.int64), tl.program_id(1)
    u = tl.arange(0, BLOCK)
    inside = u < units
    own = (row * heads + head) * units + u
    c, n = tl.load(c0 + own, inside, other=0), tl.load(n0 + own, inside, other=1)
    m = tl.load(m0 + own, inside, other=0)
    before = y0 + (row * heads + head) * units
    weights = recurrence + head * 4 * units * units
    for t in range(length):
        place = (row * length + t) * heads + head
        keeps = tl.load(starts + row * length + t) == 0
        c, n = tl.where(keeps, c, 0), tl.where(keeps, n, 0)
        given = x + place * 4 * units + u
        i, f = tl.load(given, inside, other=0), tl.load(given + units, inside, other=0)
        z, o = tl.load(given + 2 * units, inside, other=0), tl.load(given + 3 * units, inside, other=0)
        for first in range(0, units, SLICE):
            j = first + tl.arange(0, SLICE)
            y = tl.load(before + j, (j < units) & keeps, other=0)
            weight, there = weights + u[:, None] * units + j, inside[:, None] & (j < units)
            i += tl.sum(tl.load(weight, there, other=0) * y, 1)
            f += tl.sum(tl.load(weight + units * units, there, other=0) * y, 1)
            z += tl.sum(tl.load(weight + 2 * units * units, there, other=0) * y, 1)
            o += tl.sum(tl.load(weight + 3 * units * units, there, other=0) * y, 1)
        empty = n == 0
        old = tl.minimum(f, 0) - tl.log(1 + tl.exp(-tl.abs(f))) + m
        m = tl.where(empty, i, tl.maximum(i, old))
        written, kept = tl.exp(i - m), tl.where(empty, 0, tl.exp(old - m))
        value, open = _tanh(z), tl.sigmoid(o)
        c, n = kept * c + written * value, kept * n + written
        gate = gates + place * 5 * units + u
        tl.store(gate, written, inside)
        tl.store(gate + units, kept, inside)
        tl.store(gate + 2 * units, value, inside)
        tl.store(gate + 3 * units, open, inside)
        tl.store(gate + 4 * units, tl.sigmoid(-f), inside)
        tl.store(ys + place * units + u, open * c / n, inside)
        tl.store(cs + place * units + u, c, inside)
        tl.store(ns + place * units + u, n, inside)
        before = ys + place * units
        tl.debug_barrier()  # now every thread may read what the others have stored
    tl.store(m_last + own, m, inside)


@triton.jit
def _backward(
    grad_ys,
    recurrence,
    c0,
    n0,
    starts,
    cs,
    ns,
    gates,
    grad_x,
    grad_y,
    grad_c,
    grad_n,
    grad_m,
    length,
    heads,
    units,
    BLOCK: tl.constexpr,
    SLICE: tl.constexpr,
):
    """slstm.cpp has the same walk in plain words."""
    row, head = tl.program_id(0).to(tl.int64), tl.program_id(1)
    u = tl.arange(0, BLOCK)
    inside = u < units
    own = (row * heads + head) * units + u
    c_first, n_first = tl.load(c0 + own, inside, other=0), tl.load(n0 + own, inside, other=1)
    gy, gc = tl.load(grad_y + own, inside, other=0), tl.load(grad_c + own, inside, other=0)
    gn, gm = tl.load(grad_n + own, inside, other=0), tl.load(grad_m + own, inside, other=0)
    weights = recurrence + head * 4 * units * units
    for back in range(length):
        t = length - 1 - back
        place = (row * length + t) * heads + head
        at, before = place * units + u, (place - heads) * units + u
        c, n = tl.load(cs + at, inside, other=0), tl.load(ns + at, inside, other=1)
        c_before = tl.where(t > 0, tl.load(cs + before, inside & (t > 0), other=0), c_first)
        n_before = tl.where(t > 0, tl.load(ns + before, inside & (t > 0), other=0), n_first)
        gate = gates + place * 5 * units + u
        written, kept = tl.load(gate, inside, other=0), tl.load(gate + units, inside, other=0)
        value, open = tl.load(gate + 2 * units, inside, other=0), tl.load(gate + 3 * units, inside, other=0)
        shut = tl.load(gate + 4 * units, inside, other=0)
        share = (gy + tl.load(grad_ys + at, inside, other=0)) * open / n
        gc, gn = gc + share, gn - share * c / n
        by_written, by_kept = (gc * value + gn) * written, (gc * c_before + gn * n_before) * kept
        # m' is whichever exponent was larger: that one's gate is 1.
        gm = gm - by_written - by_kept
        to_i = tl.where(written >= kept, gm, 0)
        to_old = by_kept + gm - to_i
        raw_i, raw_f = by_written + to_i, to_old * shut
        raw_z, raw_o = gc * written * (1 - value * value), share * c * (1 - open)
        raw = grad_x + place * 4 * units + u
        tl.store(raw, raw_i, inside)
        tl.store(raw + units, raw_f, inside)
        tl.store(raw + 2 * units, raw_z, inside)
        tl.store(raw + 3 * units, raw_o, inside)
        tl.debug_barrier()
        gy = tl.zeros_like(gc)
        for first in range(0, 4 * units, SLICE):
            j = first + tl.arange(0, SLICE)
            of_gates = tl.load(grad_x + place * 4 * units + j, j < 4 * units, other=0)
            weight, there = weights + j[:, None] * units + u, (j < 4 * units)[:, None] & inside
            gy += tl.sum(tl.load(weight, there, other=0) * of_gates[:, None], 0)
        keeps = tl.load(starts + row * length + t) == 0
        gy, gc = tl.where(keeps, gy, 0), tl.where(keeps, gc * kept, 0)
        gn, gm = tl.where(keeps, gn * kept, 0), tl.where(keeps, to_old, 0)
    tl.store(grad_y + own, gy, inside)
    tl.store(grad_c + own, gc, inside)
    tl.store(grad_n + own, gn, inside)
    tl.store(grad_m + own, gm, inside)
