"""Window attention by its definition: full attention under a band."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from seqlab.kernels.attention.reference import attention_reference

__all__ = ["window_attention_reference"]


def window_attention_reference(
    q: Float[Tensor, "b l h d"],
    k: Float[Tensor, "b l g d"],
    v: Float[Tensor, "b l g d"],
    *,
    window: int,
    slopes: Float[Tensor, " h"] | None = None,
) -> Float[Tensor, "b l h d"]:
    """Query t sees keys t-window+1 .. t; with slopes, the score of head i at distance n is lowered by slopes_i n."""
    time = torch.arange(q.shape[1], device=q.device)
    distance = time[:, None] - time[None, :]
    seen = (distance >= 0) & (distance < window)
    if slopes is None:
        return attention_reference(q, k, v, bias=seen[None, None])
    bias = -slopes[:, None, None] * distance
    return attention_reference(q, k, v, bias=bias.masked_fill(~seen, float("-inf"))[None])
