"""The long convolution of rows that may hold several documents."""

from __future__ import annotations

import math

from torch import Tensor

from seqlab.kernels.long_convolution import long_convolution
from seqlab.nn.rows import each_document

__all__ = ["convolution_flops", "convolve"]


def convolve(
    u: Tensor, taps: Tensor, skip: Tensor, starts: Tensor | None = None, taps_back: Tensor | None = None
) -> Tensor:
    """taps * u + skip . u within each document: u (B, L, E H), taps (H, K), skip (H,); E groups share the taps.

    `taps_back` (H, K) are those for later positions (seqlab.kernels.long_convolution).
    """

    def rows(u: Tensor) -> Tensor:
        grouped = u.unflatten(2, (-1, len(taps))).transpose(1, 2)  # (N, E, T, H)
        y = long_convolution(grouped.flatten(0, 1), taps, skip, taps_back)
        return y.view_as(grouped).transpose(1, 2).flatten(2)

    return each_document(rows, u, starts)


def convolution_flops(length: int) -> float:
    """Operations of one channel at one position, its skip's included: three real transforms of n = 2 L points, each of
    5/2 n log2 n. The kernel's own evaluation, which does not grow with the batch, is left out."""
    return 3 * 5 * math.log2(2 * length) + 2
