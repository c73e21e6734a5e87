"""Window attention on a GPU: a program attends from one block of queries; the scores never leave the processor.

The gradients are computed in two walks, one from the queries and one from the keys, so that nothing is added to by two
programs (FlashAttention-2, arXiv 2307.08691).
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from jaxtyping import Float, Int
from torch import Tensor

from seqlab.kernels.once import once_differentiable

__all__ = ["window_attention_triton"]


def window_attention_triton(
    q: Float[Tensor, "b l h d"],
    k: Float[Tensor, "b l g d"],
    v: Float[Tensor, "b l g d"],
    *,
    window: int,
    sinks: int = 0,
    begins: Int[Tensor, "#b l"] | None = None,
    slopes: Float[Tensor, " h"] | None = None,
) -> Float[Tensor, "b l h d"]:
    """The reference's function, in float32 or narrower; the slopes have no gradient."""
    begin = q.new_zeros(1, dtype=torch.int32) if begins is None else begins.int()
    y: Tensor = _WindowAttention.apply(q, k, v, begin.expand(q.shape[:2]).contiguous(), slopes, window, sinks)
    return y


class _WindowAttention(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, q: Tensor, k: Tensor, v: Tensor, begins: Tensor, slopes: Tensor | None, window: int, sinks: int
    ) -> Tensor:
        q, k, v = q.contiguous(), k.contiguous(), v.contiguous()
        y, sums = torch.empty_like(q), q.new_empty(q.shape[:3], dtype=torch.float32)
        given = q, k, v, begins, slopes, y, sums
        _run(_forward, given, q.shape[2], q, k, window, sinks, slopes is not None)
        ctx.save_for_backward(q, k, v, begins, slopes, y, sums)
        ctx.window, ctx.sinks = window, sinks
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, begins, slopes, y, sums = ctx.saved_tensors
        grad = gradients[0].contiguous()
        through = (grad.float() * y.float()).sum(-1)
        by_q, by_k, by_v = torch.empty_like(q), torch.empty_like(k), torch.empty_like(v)
        given, how = (q, k, v, begins, slopes, grad, sums, through), (q, k, ctx.window, ctx.sinks, slopes is not None)
        _run(_backward_of_queries, (*given, by_q), q.shape[2], *how)
        _run(_backward_of_keys, (*given, by_k, by_v), k.shape[2], *how)
        return by_q, by_k, by_v, None, None, None, None


def _run(
    kernel: Any, tensors: tuple[Any, ...], heads: int, q: Tensor, k: Tensor, window: int, sinks: int, alibi: bool
) -> None:
    """One program for each block of positions, head and row."""
    batch, length, all_heads, width = q.shape
    block = 64 if width <= 64 else 32
    kernel[triton.cdiv(length, block), heads, batch](
        *tensors, length, window, sinks, width**-0.5,
        HEADS=all_heads, GROUPS=k.shape[2], WIDTH=width, PADDED=max(triton.next_power_of_2(width), 16),
        ALIBI=alibi, BLOCK=block, num_stages=1,
    )  # fmt: skip


@triton.jit
def _tile(x, position, inside, head, HEADS: tl.constexpr, WIDTH: tl.constexpr, PADDED: tl.constexpr):
    """(BLOCK, PADDED) of one head, zeros outside."""
    feature = tl.arange(0, PADDED)
    at = (position[:, None] * HEADS + head) * WIDTH + feature
    return tl.load(x + at, inside[:, None] & (feature < WIDTH), other=0.0)


@triton.jit
def _write(x, position, inside, head, tile, HEADS: tl.constexpr, WIDTH: tl.constexpr, PADDED: tl.constexpr):
    feature = tl.arange(0, PADDED)
    at = (position[:, None] * HEADS + head) * WIDTH + feature
    tl.store(x + at, tile.to(x.dtype.element_ty), inside[:, None] & (feature < WIDTH))


@triton.jit
def _scores(queries, keys, query, key, end, begin, slope, window, sinks, scale, length, ALIBI: tl.constexpr):
    """(queries, keys): -inf where a key is not seen; keys from `end` on are not looked at."""
    scores = tl.dot(queries, tl.trans(keys), input_precision="ieee") * scale
    distance = query[:, None] - key
    if ALIBI:
        scores -= slope * distance
    near, sink = distance < window, key - begin[:, None] < sinks
    seen = (distance >= 0) & (key >= begin[:, None]) & (near | sink) & (key < end) & (query < length)[:, None]
    return tl.where(seen, scores, -float("inf"))


@triton.jit
def _span(first_query, begins, length, window, sinks, BLOCK: tl.constexpr):
    """What a block of queries sees: keys from `near` to `end`, and from `sink` to `sink_end` before them.

    A document that began before `near` and reaches into the block is that of the block's first query.
    """
    near = tl.maximum(first_query - window + 1, 0)
    sink = tl.load(begins + first_query)
    return near, tl.minimum(first_query + BLOCK, length), sink, tl.minimum(sink + sinks, near)


@triton.jit
def _forward(
    q, k, v, begins, slopes, y, sums, length, window, sinks, scale,
    HEADS: tl.constexpr, GROUPS: tl.constexpr, WIDTH: tl.constexpr, PADDED: tl.constexpr,
    ALIBI: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    first_query, head, row = tl.program_id(0) * BLOCK, tl.program_id(1), tl.program_id(2).to(tl.int64) * length
    group = head // (HEADS // GROUPS)
    q, y, sums, begins = q + row * HEADS * WIDTH, y + row * HEADS * WIDTH, sums + row * HEADS, begins + row
    k, v = k + row * GROUPS * WIDTH, v + row * GROUPS * WIDTH
    query = first_query + tl.arange(0, BLOCK)
    inside = query < length
    begin = tl.load(begins + query, inside, other=0)
    slope = tl.load(slopes + head) if ALIBI else 0.0
    queries = _tile(q, query, inside, head, HEADS, WIDTH, PADDED)
    near, end, sink, sink_end = _span(first_query, begins, length, window, sinks, BLOCK)
    top = tl.full([BLOCK], -float("inf"), tl.float32)
    total = tl.zeros([BLOCK], tl.float32)
    mixed = tl.zeros([BLOCK, PADDED], tl.float32)
    for part in tl.static_range(2):
        start, stop = near if part == 0 else sink, end if part == 0 else sink_end
        for first_key in range(start, stop, BLOCK):
            key = first_key + tl.arange(0, BLOCK)
            keys = _tile(k, key, key < stop, group, GROUPS, WIDTH, PADDED)
            values = _tile(v, key, key < stop, group, GROUPS, WIDTH, PADDED)
            scores = _scores(queries, keys, query, key, stop, begin, slope, window, sinks, scale, length, ALIBI)
            higher = tl.maximum(top, tl.max(scores, 1))
            level = tl.where(higher == -float("inf"), 0.0, higher)  # nothing has been seen yet
            weights, faded = tl.exp(scores - level[:, None]), tl.exp(top - level)
            total = total * faded + tl.sum(weights, 1)
            mixed = mixed * faded[:, None] + tl.dot(weights.to(values.dtype), values, input_precision="ieee")
            top = higher
    total = tl.where(inside, total, 1.0)
    _write(y, query, inside, head, mixed / total[:, None], HEADS, WIDTH, PADDED)
    tl.store(sums + query * HEADS + head, top + tl.log(total), inside)


@triton.jit
def _backward_of_queries(
    q, k, v, begins, slopes, grad, sums, through, by_q, length, window, sinks, scale,
    HEADS: tl.constexpr, GROUPS: tl.constexpr, WIDTH: tl.constexpr, PADDED: tl.constexpr,
    ALIBI: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    first_query, head, row = tl.program_id(0) * BLOCK, tl.program_id(1), tl.program_id(2).to(tl.int64) * length
    group = head // (HEADS // GROUPS)
    q, grad, by_q = q + row * HEADS * WIDTH, grad + row * HEADS * WIDTH, by_q + row * HEADS * WIDTH
    k, v, begins = k + row * GROUPS * WIDTH, v + row * GROUPS * WIDTH, begins + row
    query = first_query + tl.arange(0, BLOCK)
    inside = query < length
    begin = tl.load(begins + query, inside, other=0)
    slope = tl.load(slopes + head) if ALIBI else 0.0
    queries = _tile(q, query, inside, head, HEADS, WIDTH, PADDED)
    out = _tile(grad, query, inside, head, HEADS, WIDTH, PADDED)
    at = (row + query) * HEADS + head
    level, passed = tl.load(sums + at, inside, other=0.0), tl.load(through + at, inside, other=0.0)
    near, end, sink, sink_end = _span(first_query, begins, length, window, sinks, BLOCK)
    gathered = tl.zeros([BLOCK, PADDED], tl.float32)
    for part in tl.static_range(2):
        start, stop = near if part == 0 else sink, end if part == 0 else sink_end
        for first_key in range(start, stop, BLOCK):
            key = first_key + tl.arange(0, BLOCK)
            keys = _tile(k, key, key < stop, group, GROUPS, WIDTH, PADDED)
            values = _tile(v, key, key < stop, group, GROUPS, WIDTH, PADDED)
            scores = _scores(queries, keys, query, key, stop, begin, slope, window, sinks, scale, length, ALIBI)
            by_weights = tl.dot(out, tl.trans(values), input_precision="ieee")
            by_scores = tl.exp(scores - level[:, None]) * (by_weights - passed[:, None])
            gathered += tl.dot(by_scores.to(keys.dtype), keys, input_precision="ieee")
    _write(by_q, query, inside, head, gathered * scale, HEADS, WIDTH, PADDED)


@triton.jit
def _backward_of_keys(
    q, k, v, begins, slopes, grad, sums, through, by_k, by_v, length, window, sinks, scale,
    HEADS: tl.constexpr, GROUPS: tl.constexpr, WIDTH: tl.constexpr, PADDED: tl.constexpr,
    ALIBI: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    first_key, group, row = tl.program_id(0) * BLOCK, tl.program_id(1), tl.program_id(2).to(tl.int64) * length
    q, grad, begins = q + row * HEADS * WIDTH, grad + row * HEADS * WIDTH, begins + row
    k, by_k = k + row * GROUPS * WIDTH, by_k + row * GROUPS * WIDTH
    v, by_v = v + row * GROUPS * WIDTH, by_v + row * GROUPS * WIDTH
    key = first_key + tl.arange(0, BLOCK)
    inside, last_key = key < length, tl.minimum(first_key + BLOCK, length) - 1
    keys = _tile(k, key, inside, group, GROUPS, WIDTH, PADDED)
    values = _tile(v, key, inside, group, GROUPS, WIDTH, PADDED)
    has_sink = tl.max(tl.where(inside & (key - tl.load(begins + key, inside, other=0) < sinks), 1, 0)) > 0
    to_keys, to_values = tl.zeros([BLOCK, PADDED], tl.float32), tl.zeros([BLOCK, PADDED], tl.float32)
    first_query = first_key
    more = first_query < length
    while more:
        query = first_query + tl.arange(0, BLOCK)
        begin = tl.load(begins + query, query < length, other=0)
        for shared in range(HEADS // GROUPS):
            head = group * (HEADS // GROUPS) + shared
            slope = tl.load(slopes + head) if ALIBI else 0.0
            queries = _tile(q, query, query < length, head, HEADS, WIDTH, PADDED)
            out = _tile(grad, query, query < length, head, HEADS, WIDTH, PADDED)
            at = (row + query) * HEADS + head
            level = tl.load(sums + at, query < length, other=0.0)
            passed = tl.load(through + at, query < length, other=0.0)
            scores = _scores(queries, keys, query, key, length, begin, slope, window, sinks, scale, length, ALIBI)
            weights = tl.exp(scores - level[:, None])
            by_weights = tl.dot(out, tl.trans(values), input_precision="ieee")
            by_scores = weights * (by_weights - passed[:, None])
            to_values += tl.dot(tl.trans(weights).to(out.dtype), out, input_precision="ieee")
            to_keys += tl.dot(tl.trans(by_scores).to(queries.dtype), queries, input_precision="ieee")
        first_query += BLOCK
        # Beyond the window a sink is seen on, as far as its document goes.
        goes_on = has_sink & (tl.load(begins + tl.minimum(first_query, length - 1)) <= last_key)
        more = (first_query < length) & ((first_query < last_key + window) | goes_on)
    _write(by_k, key, inside, group, to_keys * scale, GROUPS, WIDTH, PADDED)
    _write(by_v, key, inside, group, to_values, GROUPS, WIDTH, PADDED)
