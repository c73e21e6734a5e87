"""Which attention runs: on a CPU batched products, for short inputs and, with a softmax in C++, for longer ones and
dropout; else torch's fused kernel; the reference for many models at once."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor

from seqlab.kernels.attention.fast import attention_fused
from seqlab.kernels.attention.native import NATIVE, attention_native
from seqlab.kernels.attention.reference import attention_reference
from seqlab.kernels.attention.short import attention_short
from seqlab.kernels.dropout.seeds import fresh_seed
from seqlab.kernels.members import of_many
from seqlab.kernels.taken import take

__all__ = ["attention"]

SHORT = 128
"""Keys up to which torch's own softmax serves as well as the one in C++."""
STORED = 512
"""Keys up to which the weights are stored: a CPU is faster so (torch 2.13, bfloat16, one thread: 5 times at 64, 2.5 at
256 and at 512), and they are no larger than a layer's other activations."""


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
    learned = bias is not None and bias.requires_grad  # the short one gives no gradient to the bias
    if q.device.type == "cpu" and dropout == 0 and q.shape[1] > 1 and k.shape[1] <= SHORT and not learned:
        take("attention", "short")
        return attention_short(q, k, v, causal=causal, bias=bias)
    if q.shape[1] > 1 and (dropout > 0 or k.shape[1] <= STORED) and not learned and NATIVE.serves(q):
        take("attention", "native")
        seed = fresh_seed() if dropout > 0 else 0
        return attention_native(q, k, v, causal=causal, bias=bias, dropout=dropout, seed=seed)
    take("attention", "fused")
    return attention_fused(q, k, v, causal=causal, bias=bias, dropout=dropout)
