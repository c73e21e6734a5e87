"""Which attention runs: on a CPU the one in C++ where it could be compiled; else batched products for short inputs and
torch's fused kernel for others; the reference for many models at once."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor

from seqlab.kernels.attention.fast import attention_fused
from seqlab.kernels.attention.native import attention_native, serves
from seqlab.kernels.attention.reference import attention_reference
from seqlab.kernels.attention.short import attention_short
from seqlab.kernels.dropout.seeds import fresh_seed
from seqlab.kernels.members import of_many
from seqlab.kernels.taken import take

__all__ = ["attention"]

SHORT = 128
"""Keys up to which products whose weights are stored are faster than torch's fused kernel (torch 2.13)."""
LONG = 4096
"""Keys up to which the one in C++ is the fastest; beyond, one head's inputs no longer lie in a core's cache."""


def attention(
    q: Float[Tensor, "b l h d"],
    k: Float[Tensor, "b m g d"],
    v: Float[Tensor, "b m g d"],
    *,
    causal: bool = False,
    bias: Float[Tensor, "#b #h #l #m"] | Bool[Tensor, "#b #h #l #m"] | None = None,
    dropout: float = 0.0,
) -> Float[Tensor, "b l h d"]:
    """softmax(q k / sqrt(d) + bias) v, in q's dtype; the softmax is in float32 or wider.

    g divides h, and query head i reads group i // (h / g). causal: query t sees keys 0..t. bias: float values are
    added to the scores (ALiBi), boolean ones say which keys are seen (lengths). dropout: share of weights dropped.
    """
    if of_many(q, k, v) and dropout == 0:
        take("attention", "reference")
        return attention_reference(q, k, v, causal=causal, bias=bias)
    learned = bias is not None and bias.requires_grad  # only the fused one gives a gradient to the bias
    several = q.shape[1] > 1 and not learned
    if several and (dropout > 0 or k.shape[1] <= LONG) and serves(q, k, v):
        take("attention", "native")
        seed = fresh_seed() if dropout > 0 else 0
        return attention_native(q, k, v, causal=causal, bias=bias, dropout=dropout, seed=seed)
    if several and dropout == 0 and k.shape[1] <= SHORT and q.device.type == "cpu":
        take("attention", "short")
        return attention_short(q, k, v, causal=causal, bias=bias)
    take("attention", "fused")
    return attention_fused(q, k, v, causal=causal, bias=bias, dropout=dropout)
