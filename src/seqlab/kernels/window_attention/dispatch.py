"""Which window attention runs: full causal attention where the window holds everything; elsewhere Triton's on a GPU,
and blocks."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqlab.kernels.attention import attention
from seqlab.kernels.gpu import triton_serves
from seqlab.kernels.shapes import fitting
from seqlab.kernels.taken import take
from seqlab.kernels.window_attention.fast import window_attention_blocks

__all__ = ["window_attention"]


@fitting
def window_attention(
    q: Float[Tensor, "b l h d"],
    k: Float[Tensor, "b l g d"],
    v: Float[Tensor, "b l g d"],
    *,
    window: int,
    sinks: int = 0,
    begins: Int[Tensor, "#b l"] | None = None,
    slopes: Float[Tensor, " h"] | None = None,
    dropout: float = 0.0,
) -> Float[Tensor, "b l h d"]:
    """Causal attention in which query t sees keys t-window+1 .. t, itself included; any window, any length.

    begins: where the document of each position begins; nothing before it is seen. sinks: how many first keys of the
    document are seen from everywhere in it (arXiv 2309.17453). slopes: ALiBi, the score of head i at distance n is
    lowered by slopes_i n. The cost grows with l x (window + sinks).
    """
    if window >= q.shape[1] and slopes is None and begins is None:
        take("window_attention", "full")
        return attention(q, k, v, causal=True, dropout=dropout)
    if triton_serves(q) and q.dtype != torch.float64 and dropout == 0:
        from seqlab.kernels.window_attention.triton import window_attention_triton

        take("window_attention", "triton")
        return window_attention_triton(q, k, v, window=window, sinks=sinks, begins=begins, slopes=slopes)
    take("window_attention", "blocks")
    return window_attention_blocks(q, k, v, window=window, sinks=sinks, begins=begins, slopes=slopes, dropout=dropout)
