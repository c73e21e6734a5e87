"""Window attention by its definition: full attention under a band."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from seqlab.kernels.attention.reference import attention_reference

__all__ = ["window_attention_reference", "window_bias"]


def window_attention_reference(
    q: Float[Tensor, "b l h d"],
    k: Float[Tensor, "b l g d"],
    v: Float[Tensor, "b l g d"],
    *,
    window: int,
    sinks: int = 0,
    begins: Int[Tensor, "#b l"] | None = None,
    slopes: Float[Tensor, " h"] | None = None,
) -> Float[Tensor, "b l h d"]:
    """Query t sees keys t-window+1 .. t and the first `sinks` ones, all of its own document, which begins at
    begins_t; with slopes, the score of head i at distance n is lowered by slopes_i n."""
    return attention_reference(q, k, v, bias=window_bias(q, window=window, sinks=sinks, begins=begins, slopes=slopes))


def window_bias(
    q: Float[Tensor, "b l h d"],
    *,
    window: int,
    sinks: int = 0,
    begins: Int[Tensor, "#b l"] | None = None,
    slopes: Float[Tensor, " h"] | None = None,
) -> Float[Tensor, "#b h l l"] | Bool[Tensor, "#b 1 l l"]:
    """The band as the bias of full attention."""
    time = torch.arange(q.shape[1], device=q.device)
    begin = (torch.zeros_like(time)[None] if begins is None else begins)[..., None]
    distance = time[:, None] - time[None, :]
    near, sink = distance < window, time - begin < sinks
    seen = ((distance >= 0) & (time >= begin) & (near | sink))[:, None]
    if slopes is None:
        return seen
    return (-slopes[:, None, None] * distance)[None].masked_fill(~seen, float("-inf"))
