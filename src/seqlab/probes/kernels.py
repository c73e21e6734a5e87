"""The kernels of long convolutions and their spectra."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqlab.filters import LongFilter
from seqlab.probes import Measures, Probe, Profile

__all__ = ["Kernels"]

POINTS = 32


class Kernels(Probe):
    """Of every filter of a long convolution: `rms` of its taps; `reach` and `longest`, the median and the largest over
    the channels of the taps within which nine tenths of a kernel's energy lie; `envelope`, the root mean square over
    channels in 32 equal stretches of the taps; `spectrum`, the same of the amplitudes from the lowest to the highest
    frequency; and `taps`, the first 32 of the channel whose reach is the median."""

    def measure(self, model: nn.Module, inputs: tuple[Tensor, ...]) -> Measures:
        filters = [(path, module) for path, module in model.named_modules() if isinstance(module, LongFilter)]
        return {self.metric(path): _told(module(module.length)) for path, module in filters}


def _told(taps: Tensor) -> Profile:
    """taps (channels, length)."""
    energy = taps.square()
    held = energy.cumsum(1) / energy.sum(1, keepdim=True).clamp(min=torch.finfo(taps.dtype).tiny)
    reach = (held < 0.9).sum(1) + 1
    middle = int(reach.argsort()[(len(reach) - 1) // 2])
    return {
        "rms": float(energy.mean().sqrt()),
        "reach": float(reach[middle]),
        "longest": float(reach.max()),
        "envelope": _stretches(energy),
        "spectrum": _stretches(torch.fft.rfft(taps).abs().square()),
        "taps": taps[middle, :POINTS].tolist(),
    }


def _stretches(squares: Tensor) -> list[float]:
    """The root mean square in up to POINTS equal stretches of the last axis."""
    parts = squares.mean(0).tensor_split(min(POINTS, squares.shape[1]))
    return torch.stack([part.mean().sqrt() for part in parts]).tolist()
