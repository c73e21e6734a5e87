"""The RMS norm beside its formula in torch's operations."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from seqlab.bench import Options
from seqlab.bench.duels import Contest, lengths
from seqlab.bench.shared.passes import forward_backward
from seqlab.kernels.rms_norm import rms_norm

__all__ = ["contests"]

DIM = 256


def contests(options: Options) -> Iterator[Contest]:
    """One row of the width of the other measurements."""
    for length in lengths(options, 4096):
        x, weight = torch.randn(1, length, DIM), torch.rand(DIM)
        yield Contest(
            what=f"rms norm {length} float32 forward+backward",
            ours=forward_backward(lambda x, weight: rms_norm(x, weight, eps=1e-6), x, weight),
            peer=forward_backward(_formula, x, weight),
            against="the formula",
            tolerance=1e-5,
            faster=1.0,
        )


def _formula(x: Tensor, weight: Tensor) -> Tensor:
    y: Tensor = x * (x.square().mean(-1, keepdim=True) + 1e-6).rsqrt() * weight
    return y
