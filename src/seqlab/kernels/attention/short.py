"""Softmax attention over short inputs on a CPU: three batched products and a gradient written by hand.

torch's CPU flash kernel works in blocks of queries and, below about a hundred positions, spends its backward pass on
overhead (measured with torch 2.13, bfloat16, 32 x 64 positions: 10 times the time of this). The scores are stored,
which at this length costs little. Sums run in float32 or wider, inside the products and inside the softmax; between
them the values are rounded to the inputs' dtype, so in bfloat16 a score is known to one part in 256.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from seqlab.kernels.once import once_differentiable

__all__ = ["added_to_scores", "attention_short", "grouped", "heads_last", "rows_of_heads", "scaled_product"]


def attention_short(
    q: Float[Tensor, "b l h d"],
    k: Float[Tensor, "b m g d"],
    v: Float[Tensor, "b m g d"],
    *,
    causal: bool = False,
    bias: Float[Tensor, "#b #h #l #m"] | Bool[Tensor, "#b #h #l #m"] | None = None,
) -> Float[Tensor, "b l h d"]:
    """The reference's function."""
    y: Tensor = _ShortAttention.apply(q, k, v, added_to_scores(q, k, bias, causal=causal))
    return y


def added_to_scores(q: Tensor, k: Tensor, bias: Tensor | None, *, causal: bool) -> Tensor | None:
    """What is added to the scores, in their dtype: the bias, and -inf where a key is not seen."""
    if bias is not None:
        nothing = torch.zeros((), dtype=q.dtype, device=q.device)
        bias = nothing.masked_fill(~bias, -math.inf) if bias.dtype == torch.bool else bias.to(q.dtype)
    if not causal:
        return bias
    future = torch.ones(q.shape[1], k.shape[1], dtype=torch.bool, device=q.device).triu(1)
    pattern = torch.zeros((), dtype=q.dtype, device=q.device) if bias is None else bias
    return pattern.masked_fill(future, -math.inf)


class _ShortAttention(torch.autograd.Function):
    """q (b, l, h, d), k and v (b, m, g, d); a bias has no gradient."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, added: Tensor | None) -> Tensor:
        queries, keys, values = (rows_of_heads(x, q.shape[2]) for x in (q, k, v))
        scores = scaled_product(queries, keys.mT, q.shape[-1] ** -0.5).view(q.shape[0], q.shape[2], q.shape[1], -1)
        if added is not None:
            scores += added
        weights = scores.softmax(-1).flatten(0, 1)
        ctx.save_for_backward(queries, keys, values, weights)
        ctx.groups = k.shape[2]
        return heads_last(torch.bmm(weights, values), q.shape[0])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        queries, keys, values, weights = ctx.saved_tensors
        (gradient,) = gradients
        batch, heads, scale = gradient.shape[0], gradient.shape[2], gradient.shape[-1] ** -0.5
        out = rows_of_heads(gradient, heads)
        by_weights = torch.bmm(out, values.mT)
        by_scores = torch._softmax_backward_data(by_weights, weights, -1, weights.dtype)
        by_q = heads_last(scaled_product(by_scores, keys, scale), batch)
        by_k, by_v = scaled_product(by_scores.mT, queries, scale), torch.bmm(weights.mT, out)
        return by_q, *(grouped(heads_last(g, batch), ctx.groups) for g in (by_k, by_v)), None


def scaled_product(a: Tensor, b: Tensor, scale: float) -> Tensor:
    """scale a b, the factor applied before the result is rounded."""
    result = a.new_empty(a.shape[0], a.shape[1], b.shape[2])
    return torch.baddbmm(result, a, b, beta=0, alpha=scale)


def rows_of_heads(x: Tensor, heads: int) -> Tensor:
    """(b, l, g, d) -> (b h, l, d), contiguous; each group serves its heads."""
    x = x.transpose(1, 2)
    if x.shape[1] != heads:
        x = x.repeat_interleave(heads // x.shape[1], dim=1)
    return x.reshape(-1, *x.shape[2:])


def heads_last(x: Tensor, batch: int) -> Tensor:
    """(b h, l, d) -> (b, l, h, d), a view."""
    return x.view(batch, -1, *x.shape[1:]).transpose(1, 2)


def grouped(x: Tensor, groups: int) -> Tensor:
    """(b, m, h, d) -> (b, m, g, d): the sum over the heads that share a group."""
    return x if x.shape[2] == groups else x.unflatten(2, (groups, -1)).sum(3)
