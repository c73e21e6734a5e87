"""The long convolution beside the plain one: torch's real transforms of doubled length."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.fft import irfft, rfft

from seqlab.bench import Options
from seqlab.bench.duels import Contest, lengths
from seqlab.bench.shared.passes import forward_backward
from seqlab.kernels.long_convolution import long_convolution

__all__ = ["contests"]

DIM = 256


def contests(options: Options) -> Iterator[Contest]:
    """One row, taps as many as positions; either side is timed in the layout that suits it."""
    for length in lengths(options, 1024, 4096, 16384, 65536):
        u, taps, skip = torch.randn(1, length, DIM), torch.randn(length, DIM).T / length, torch.randn(DIM)
        ours = forward_backward(long_convolution, u, taps, skip)
        yield Contest(
            what=f"long convolution {length} float32 forward+backward",
            ours=ours,
            peer=forward_backward(_doubled, u.mT.contiguous(), taps.contiguous(), skip),
            compared=(ours, forward_backward(lambda u, *others: _doubled(u.mT, *others).mT, u, taps, skip)),
            against="torch rfft and irfft of doubled length",
            tolerance=1e-5,
            faster=1.5,
            memory=0.5,
        )


def _doubled(u: Tensor, taps: Tensor, skip: Tensor) -> Tensor:
    """u (1, d, l), taps (d, l)."""
    length = u.shape[-1]
    y: Tensor = irfft(rfft(u, 2 * length) * rfft(taps, 2 * length), 2 * length)[..., :length]
    return y + skip[:, None] * u
