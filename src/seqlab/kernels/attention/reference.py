"""Softmax attention by its definition, every score written out."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from seqlab.kernels.dropout.reference import dropout_reference

__all__ = ["attention_reference", "attention_weights"]


def attention_reference(
    q: Float[Tensor, "b l h d"],
    k: Float[Tensor, "b m g d"],
    v: Float[Tensor, "b m g d"],
    *,
    causal: bool = False,
    bias: Float[Tensor, "#b #h #l #m"] | Bool[Tensor, "#b #h #l #m"] | None = None,
    dropout: float = 0.0,
    seed: int = 0,
) -> Float[Tensor, "b l h d"]:
    """softmax(q k / sqrt(d) + bias) v in float32 or wider. A boolean bias says which keys are seen.

    Query head i reads group i // (h / g). Causal: query t sees keys 0..t. dropout: of the weights, by the seed.
    """
    weights = attention_weights(q, k, causal=causal, bias=bias)
    weights = dropout_reference(weights, dropout, seed) if dropout else weights
    values = v.to(weights.dtype).repeat_interleave(q.shape[2] // v.shape[2], dim=2)
    return torch.einsum("bhlm,bmhd->blhd", weights, values).to(q.dtype)


def attention_weights(
    q: Float[Tensor, "b l h d"],
    k: Float[Tensor, "b m g d"],
    *,
    causal: bool = False,
    bias: Float[Tensor, "#b #h #l #m"] | Bool[Tensor, "#b #h #l #m"] | None = None,
) -> Float[Tensor, "b h l m"]:
    """The softmax alone, in float32 or wider."""
    wide = torch.promote_types(q.dtype, torch.float32)
    keys = k.to(wide).repeat_interleave(q.shape[2] // k.shape[2], dim=2)
    scores = torch.einsum("blhd,bmhd->bhlm", q.to(wide), keys) / math.sqrt(q.shape[-1])
    if bias is not None:
        scores = scores.masked_fill(~bias, -math.inf) if bias.dtype == torch.bool else scores + bias
    if causal:
        seen = torch.ones(scores.shape[-2:], dtype=torch.bool, device=q.device).tril()
        scores = scores.masked_fill(~seen, -math.inf)
    return scores.softmax(-1)
