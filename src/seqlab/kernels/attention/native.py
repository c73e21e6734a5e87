"""Softmax attention on a CPU by batched products, with the softmax between them in C++ (softmax.cpp).

torch's CPU flash kernel works in blocks of queries and, at a few hundred positions, spends its backward pass on
overhead (torch 2.13, bfloat16, 8 x 256 positions: more than twice the time of this), and with dropout torch writes
every score, every draw and every mask (four times the time). Here the weights are stored in the inputs' dtype, which is
why long inputs are not for it; what dropout keeps is drawn anew in the backward pass. Causal, blocks of queries read no
more than the keys before their end. Sums run in float32 or wider, inside the products and inside the softmax; between
them the values are rounded to the inputs' dtype, so in bfloat16 a score is known to one part in 256.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.overrides import handle_torch_function, has_torch_function_unary

from seqlab.kernels.attention.short import added_to_scores, grouped, heads_last, rows_of_heads, scaled_product
from seqlab.kernels.dropout.reference import factor_of_kept, least_number
from seqlab.kernels.native import DTYPES, Native
from seqlab.kernels.once import once_differentiable

__all__ = ["NATIVE", "attention_native"]

NATIVE = Native(Path(__file__).with_name("softmax.cpp"))
BLOCK = 128
"""Queries of one causal product."""


def attention_native(
    q: Float[Tensor, "b l h d"],
    k: Float[Tensor, "b m g d"],
    v: Float[Tensor, "b m g d"],
    *,
    causal: bool = False,
    bias: Float[Tensor, "#b #h #l #m"] | Bool[Tensor, "#b #h #l #m"] | None = None,
    dropout: float = 0.0,
    seed: int = 0,
) -> Float[Tensor, "b l h d"]:
    """The reference's function; its gradient exists once, and a bias has none."""
    added = added_to_scores(q, k, bias, causal=False)
    y: Tensor = _Attention.apply(q, k, v, added, causal, dropout, seed)
    return y


class _Attention(torch.autograd.Function):
    """q (b, l, h, d), k and v (b, m, g, d)."""

    @staticmethod
    def forward(
        ctx: Any, q: Tensor, k: Tensor, v: Tensor, added: Tensor | None, causal: bool, dropout: float, seed: int
    ) -> Tensor:
        queries, keys, values = (rows_of_heads(x, q.shape[2]) for x in (q, k, v))
        ctx.groups, ctx.heads, ctx.causal, ctx.dropout, ctx.seed = k.shape[2], q.shape[2], causal, dropout, seed
        y, kept = torch.empty_like(queries), []
        for place, seen in _blocks(queries, keys, causal):
            scores = scaled_product(queries[:, place], keys[:, seen].mT, q.shape[-1] ** -0.5)
            if added is not None:
                here = added.expand(*added.shape[:2], q.shape[1], k.shape[1])[:, :, place, seen]
                scores.view(q.shape[0], q.shape[2], *scores.shape[1:]).add_(here)
            dropped = torch.empty_like(scores) if dropout else None
            softmax(scores, dropped, place, ctx, len(queries[0]))
            y[:, place] = torch.bmm(scores if dropped is None else dropped, values[:, seen])
            kept.append(scores)
        ctx.save_for_backward(queries, keys, values, *kept)
        return heads_last(y, q.shape[0])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        queries, keys, values, *kept = ctx.saved_tensors
        (gradient,) = gradients
        batch, scale = gradient.shape[0], gradient.shape[-1] ** -0.5
        out = rows_of_heads(gradient, ctx.heads)
        by_q, by_k, by_v = torch.empty_like(queries), torch.zeros_like(keys), torch.zeros_like(values)
        for (place, seen), weights in zip(_blocks(queries, keys, ctx.causal), kept, strict=True):
            by_weights = torch.bmm(out[:, place], values[:, seen].mT)
            dropped = torch.empty_like(weights) if ctx.dropout else None
            _run("backward", [weights, by_weights, dropped], weights, place, ctx, len(queries[0]))
            by_q[:, place] = scaled_product(by_weights, keys[:, seen], scale)
            by_k[:, seen] += scaled_product(by_weights.mT, queries[:, place], scale)
            by_v[:, seen] += torch.bmm((weights if dropped is None else dropped).mT, out[:, place])
        by_inputs = (heads_last(by_q, batch), *(grouped(heads_last(g, batch), ctx.groups) for g in (by_k, by_v)))
        return *by_inputs, None, None, None, None


def _blocks(queries: Tensor, keys: Tensor, causal: bool) -> Iterator[tuple[slice, slice]]:
    """Queries, and the keys that any of them sees."""
    length, others = queries.shape[1], keys.shape[1]
    size = BLOCK if causal else length
    for first in range(0, length, size):
        end = min(first + size, length)
        yield slice(first, end), slice(0, min(end, others) if causal else others)


def softmax(scores: Tensor, dropped: Tensor | None, place: slice, ctx: Any, queries: int) -> None:
    """In place; a mode of torch functions sees it, as it sees torch's."""
    if has_torch_function_unary(scores):
        handle_torch_function(softmax, (scores,), scores, dropped, place, ctx, queries)
    else:
        _run("forward", [scores, dropped], scores, place, ctx, queries)


def _run(pass_: str, tensors: list[Tensor | None], like: Tensor, place: slice, ctx: Any, queries: int) -> None:
    sizes = *like.shape, place.start, queries, int(ctx.causal)
    drawn = (
        ctx.seed,
        least_number(ctx.dropout),
        factor_of_kept(ctx.dropout, torch.promote_types(like.dtype, torch.float32)),
    )
    NATIVE.run(f"{pass_}_{DTYPES[like.dtype]}", *tensors, *sizes, *drawn)
