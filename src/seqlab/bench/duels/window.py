"""Window attention beside full attention under the same mask."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from seqlab.bench import Options
from seqlab.bench.duels import Contest, lengths
from seqlab.bench.shared.passes import forward_backward
from seqlab.kernels.attention import attention
from seqlab.kernels.window_attention import window_attention

__all__ = ["contests"]

HEADS, WIDTH, WINDOW = 4, 64, 64


def contests(options: Options) -> Iterator[Contest]:
    """One row in 4 heads of 64 features, alone and with attention sinks."""
    for length in lengths(options, 4096):
        q, k, v = (torch.randn(1, length, HEADS, WIDTH) for _ in range(3))
        for sinks in (0, 4):
            seen = _seen(length, sinks)

            def windowed(q: Tensor, k: Tensor, v: Tensor, sinks: int = sinks) -> Tensor:
                return window_attention(q, k, v, window=WINDOW, sinks=sinks)

            def masked(q: Tensor, k: Tensor, v: Tensor, seen: Tensor = seen) -> Tensor:
                return attention(q, k, v, bias=seen)

            yield Contest(
                what=f"window {WINDOW}{f' and {sinks} sinks' if sinks else ''} {length} float32 forward+backward",
                ours=forward_backward(windowed, q, k, v),
                peer=forward_backward(masked, q, k, v),
                against="masked full attention",
                tolerance=1e-5,
                faster=5.0,
            )


def _seen(length: int, sinks: int) -> Tensor:
    """(1, 1, L, L): itself, the window - 1 keys before it, and the first ones."""
    time = torch.arange(length)
    distance = time[:, None] - time
    return ((distance >= 0) & ((distance < WINDOW) | (time < sinks)))[None, None]
