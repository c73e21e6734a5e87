"""Softmax attention in C++ on a CPU (attention.cpp): scores and weights stay in the caches, and none is stored.

torch's CPU flash kernel spends its backward pass on overhead at a few hundred positions, and with dropout torch writes
every score, every draw and every mask. Here a block of queries has its scores and its softmax in float32 or wider, and
in bfloat16 the products are of pairs, where the processor has them. The gradient computes the scores anew, from the
largest score and the logarithm of the sum of each row, and what dropout keeps is drawn anew.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.overrides import handle_torch_function, has_torch_function

from seqlab.kernels.attention.short import added_to_scores, grouped
from seqlab.kernels.dropout.reference import factor_of_kept, least_number
from seqlab.kernels.native import DTYPES, Native
from seqlab.kernels.once import once_differentiable
from seqlab.kernels.shapes import fitting

__all__ = ["NATIVE", "attention_native", "serves"]

NATIVE = Native(Path(__file__).with_name("attention.cpp"))


def serves(q: Tensor, k: Tensor, v: Tensor) -> bool:
    """Whether the C++ attention takes these."""
    return q.dtype == k.dtype == v.dtype and k.numel() > 0 and NATIVE.serves(q)


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
    if has_torch_function((q, k, v)):  # a mode that follows torch's functions sees this one too
        seen: Tensor = handle_torch_function(
            attention_native, (q, k, v), q, k, v, causal=causal, bias=bias, dropout=dropout, seed=seed
        )
        return seen
    added = added_to_scores(q, k, bias, causal=False)
    if added is not None:
        added = added.expand(len(q), q.shape[2], q.shape[1], k.shape[1])  # nothing is written out but in a row
        added = added if added.stride(-1) == 1 or k.shape[1] == 1 else added.contiguous()
    return _attention(q, k, v, added, causal, dropout, seed)


@fitting
def _attention(
    q: Float[Tensor, "b l h d"],
    k: Float[Tensor, "b m g d"],
    v: Float[Tensor, "b m g d"],
    added: Float[Tensor, "b h l m"] | None,
    causal: bool,
    dropout: float,
    seed: int,
) -> Float[Tensor, "b l h d"]:
    y: Tensor = _Attention.apply(q, k, v, added, causal, dropout, seed)
    return y


class _Attention(torch.autograd.Function):
    """q (b, l, h, d), k and v (b, m, g, d), added (b, h, l, m)."""

    @staticmethod
    def forward(
        ctx: Any, q: Tensor, k: Tensor, v: Tensor, added: Tensor | None, causal: bool, dropout: float, seed: int
    ) -> Tensor:
        q, k, v = (_in_rows(x) for x in (q, k, v))
        wide = torch.promote_types(q.dtype, torch.float32)
        y = q.new_empty(q.shape)
        totals = q.new_empty(q.shape[0], q.shape[2], q.shape[1], 2, dtype=wide)
        drawn = seed, least_number(dropout), factor_of_kept(dropout, wide)
        sizes = _sizes(q, k, causal, [q, k, v], added, [y])
        NATIVE.run(f"forward_{DTYPES[q.dtype]}", q, k, v, added, y, totals, sizes, *drawn)
        ctx.causal, ctx.drawn = causal, drawn
        ctx.save_for_backward(q, k, v, added, totals)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, added, totals = ctx.saved_tensors
        grad = _in_rows(gradients[0])
        by_q = q.new_empty(q.shape)
        by_k, by_v = (q.new_empty(k.shape[0], k.shape[1], *q.shape[2:]) for _ in (k, v))  # of each head
        sizes = _sizes(q, k, ctx.causal, [q, k, v], added, [grad, by_q, by_k, by_v])
        NATIVE.run(f"backward_{DTYPES[q.dtype]}", q, k, v, added, grad, totals, by_q, by_k, by_v, sizes, *ctx.drawn)
        return by_q, grouped(by_k, k.shape[2]), grouped(by_v, k.shape[2]), None, None, None, None


def _in_rows(x: Tensor) -> Tensor:
    """With the features of a head in one piece, wherever the heads are."""
    return x if x.stride(-1) == 1 else x.contiguous()


def _sizes(
    q: Tensor, k: Tensor, causal: bool, inputs: list[Tensor], added: Tensor | None, others: list[Tensor]
) -> Tensor:
    """As attention.cpp reads them: b, l, m, h, g, d, causal, then what lies between two of a batch, positions and
    heads in every array."""
    strides = [x.stride()[:3] for x in inputs]
    strides.append((0, 0, 0) if added is None else (added.stride(0), added.stride(2), added.stride(1)))
    strides += [x.stride()[:3] for x in others]
    shape = *q.shape[:2], k.shape[1], q.shape[2], k.shape[2], q.shape[3], int(causal)
    return torch.tensor([*shape, *(stride for three in strides for stride in three)])
