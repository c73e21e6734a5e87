"""One learned value for every tap, regularised by soft thresholds and dropped taps (Fu et al., arXiv 2302.06646)."""

from __future__ import annotations

from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqlab.filters import Filter, LongFilter
from seqlab.spec import Field, SpecError

__all__ = ["Explicit", "ExplicitFilter"]


class Explicit(Filter):
    """h = drop(sign(w) max(|w| - squash, 0)), where w may be smoothed first, in time or in frequency.

    Start `random`: w ~ N(0, 0.002^2). Start `double_exp`: w ~ N(0, 0.02^2) times exp(-(l / length) (C//2)^(c/C)) at
    tap l of channel c of C, so that channels forget at different speeds. Smoothing in time is a moving average with
    zeros beyond the ends; in frequency the spectrum of the built length is convolved with exp(-n^2 / 2), |n| up to
    half the window, which is not normalised. The conventions are those of HazyResearch/safari.
    """

    init: Literal["random", "double_exp"] = "random"
    """The law of the taps at the start."""
    squash: float = Field(default=0.0, ge=0)
    """Threshold: taps are drawn to zero by this much, and smaller ones are zero (0.001 to 0.004 where it is used)."""
    smooth: Literal["none", "time", "frequency"] = "none"
    """Where the taps are smoothed before the threshold."""
    window: int = Field(default=7, ge=1)
    """Width of the smoothing; odd."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of taps dropped in training, each on its own; the others are scaled up."""
    lr: float = Field(default=1e-3, gt=0)
    """Learning rate of the taps."""
    weight_decay: float = Field(default=0.0, ge=0)
    """Weight decay of the taps."""

    def check(self) -> None:
        if self.window % 2 == 0:
            raise SpecError(f"filters/explicit.window must be odd, so that it has a middle, got {self.window}.")

    def build(self, *, channels: int, length: int) -> ExplicitFilter:
        return ExplicitFilter(self, channels, length)


class ExplicitFilter(LongFilter):
    def __init__(self, spec: Explicit, channels: int, length: int) -> None:
        super().__init__()
        self.spec, self.length = spec, length
        self.weight = nn.Parameter(torch.empty(channels, length))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        if self.spec.init == "random":
            nn.init.normal_(self.weight, std=0.002)
            return
        channels, length = self.weight.shape
        channel = torch.arange(channels, dtype=torch.float64)[:, None]
        speed = float(channels // 2) ** (channel / channels)
        decay = torch.exp(-speed * torch.arange(length) / length)
        nn.init.normal_(self.weight, std=0.02)
        with torch.no_grad():
            self.weight.mul_(decay.to(self.weight))

    def param_groups(self) -> list[dict[str, Any]]:
        return [{"params": [self.weight], "lr": self.spec.lr, "weight_decay": self.spec.weight_decay}]

    def forward(self, length: int) -> Tensor:
        self.check_length(length)
        taps = self.weight.to(torch.promote_types(self.weight.dtype, torch.float32))
        # Smoothing knows the whole kernel: fewer taps are the first ones of the same filter.
        taps = F.softshrink(self._smoothed(taps)[:, :length], self.spec.squash)
        return F.dropout(taps, self.spec.dropout, self.training)

    def _smoothed(self, taps: Tensor) -> Tensor:
        window = self.spec.window
        match self.spec.smooth:
            case "time":
                return _convolved(taps, taps.new_full((window,), 1 / window))
            case "frequency":
                offset = torch.arange(window, device=taps.device, dtype=taps.dtype) - window // 2
                bell, spectrum = torch.exp(-offset.square() / 2), torch.fft.rfft(taps)
                smooth = torch.complex(_convolved(spectrum.real, bell), _convolved(spectrum.imag, bell))
                taps = torch.fft.irfft(smooth, taps.shape[1])
        return taps


def _convolved(rows: Tensor, kernel: Tensor) -> Tensor:
    """Each row (C, L) with a symmetric kernel of odd width, zeros beyond the ends."""
    return F.conv1d(rows[:, None], kernel[None, None], padding=len(kernel) // 2)[:, 0]
