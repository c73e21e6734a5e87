"""Softmax attention by torch's fused kernel, which never stores the scores and keeps the softmax in float32.

On CPU the flash kernel takes strided q, k and v, grouped heads, boolean and float32 biases; only dropout leaves it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

__all__ = ["attention_fused"]


def attention_fused(
    q: Float[Tensor, "b l h d"],
    k: Float[Tensor, "b m g d"],
    v: Float[Tensor, "b m g d"],
    *,
    causal: bool = False,
    bias: Float[Tensor, "#b #h #l #m"] | Bool[Tensor, "#b #h #l #m"] | None = None,
    dropout: float = 0.0,
) -> Float[Tensor, "b l h d"]:
    """The reference's function, with dropout on the weights; the result lies in memory as (b, l, h, d)."""
    if bias is not None and bias.dtype != torch.bool:
        # Beside float64 queries torch 2.13's CPU kernel reads a float32 bias as if it were float64; beside bf16 ones
        # it takes float32, which CUDA's kernels do not.
        bias = bias.to(torch.promote_types(q.dtype, torch.float32) if q.is_cpu else q.dtype)
    if causal and bias is not None:
        bias, causal = _causal(bias, q.shape[1], k.shape[1]), False
    y = F.scaled_dot_product_attention(
        q.transpose(1, 2),
        k.transpose(1, 2),
        v.transpose(1, 2),
        attn_mask=bias,
        dropout_p=dropout,
        is_causal=causal,
        enable_gqa=q.shape[2] != k.shape[2],
    )
    return y.transpose(1, 2)


def _causal(bias: Tensor, queries: int, keys: int) -> Tensor:
    # The fused kernel takes a bias or the causal pattern, never both.
    seen = torch.ones(queries, keys, dtype=torch.bool, device=bias.device).tril()
    return bias & seen if bias.dtype == torch.bool else bias.masked_fill(~seen, float("-inf"))
