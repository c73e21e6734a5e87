"""Softmax attention over short inputs on a CPU: three batched products and a gradient written by hand.

torch's CPU flash kernel works in blocks of queries and, below about a hundred positions, spends its backward pass on
overhead (measured with torch 2.13, bfloat16, 32 x 64 positions: 10 times the time of this). Scores, softmax and
products are in float32 or wider whatever the inputs are; the scores are stored, which at this length costs little.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.autograd.function import once_differentiable

__all__ = ["attention_short"]


def attention_short(
    q: Float[Tensor, "b l h d"],
    k: Float[Tensor, "b m g d"],
    v: Float[Tensor, "b m g d"],
    *,
    causal: bool = False,
    bias: Float[Tensor, "#b #h #l #m"] | Bool[Tensor, "#b #h #l #m"] | None = None,
) -> Float[Tensor, "b l h d"]:
    """The reference's function."""
    y: Tensor = _ShortAttention.apply(q, k, v, _added(q, k, bias, causal))
    return y


def _added(q: Tensor, k: Tensor, bias: Tensor | None, causal: bool) -> Tensor | None:
    """What is added to the scores, in their dtype: the bias, and -inf where a key is not seen."""
    wide = torch.promote_types(q.dtype, torch.float32)
    if bias is not None:
        hidden = torch.zeros((), dtype=wide, device=q.device)
        bias = hidden.masked_fill(~bias, -math.inf) if bias.dtype == torch.bool else bias.to(wide)
    if not causal:
        return bias
    future = torch.ones(q.shape[1], k.shape[1], dtype=torch.bool, device=q.device).triu(1)
    pattern = torch.zeros((), dtype=wide, device=q.device) if bias is None else bias
    return pattern.masked_fill(future, -math.inf)


class _ShortAttention(torch.autograd.Function):
    """q (b, l, h, d), k and v (b, m, g, d); a bias has no gradient."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, added: Tensor | None) -> Tensor:
        queries, keys, values = _rows(q, q.shape[2]), _rows(k, q.shape[2]), _rows(v, q.shape[2])
        scores = torch.bmm(queries.mul_(q.shape[-1] ** -0.5), keys.mT).view(q.shape[0], q.shape[2], q.shape[1], -1)
        if added is not None:
            scores = scores.add_(added)
        weights = scores.softmax(-1).flatten(0, 1)
        ctx.save_for_backward(queries, keys, values, weights)
        ctx.groups, ctx.dtype = k.shape[2], q.dtype
        return _heads_last(torch.bmm(weights, values), q.shape[0]).to(q.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        queries, keys, values, weights = ctx.saved_tensors
        (gradient,) = gradients
        batch, heads = gradient.shape[0], gradient.shape[2]
        out = _rows(gradient, heads)
        by_weights = torch.bmm(out, values.mT)
        by_scores = torch._softmax_backward_data(by_weights, weights, -1, weights.dtype)
        by_q = torch.bmm(by_scores, keys).mul_(gradient.shape[-1] ** -0.5)
        by_k, by_v = torch.bmm(by_scores.mT, queries), torch.bmm(weights.mT, out)
        shared = (_grouped(_heads_last(g, batch), ctx.groups) for g in (by_k, by_v))
        return _heads_last(by_q, batch).to(ctx.dtype), *(g.to(ctx.dtype) for g in shared), None


def _rows(x: Tensor, heads: int) -> Tensor:
    """(b, l, g, d) -> (b h, l, d), a fresh copy in float32 or wider; each group serves its heads."""
    wide = torch.promote_types(x.dtype, torch.float32)
    copy = x.transpose(1, 2).to(wide, copy=True, memory_format=torch.contiguous_format)
    if x.shape[2] != heads:
        copy = copy.repeat_interleave(heads // x.shape[2], dim=1)
    return copy.flatten(0, 1)


def _heads_last(x: Tensor, batch: int) -> Tensor:
    return x.view(batch, -1, *x.shape[1:]).transpose(1, 2)


def _grouped(x: Tensor, groups: int) -> Tensor:
    """(b, m, h, d) -> (b, m, g, d): the sum over the heads that share a group."""
    return x if x.shape[2] == groups else x.unflatten(2, (groups, -1)).sum(3)
