"""A learned spectrum of a few low frequencies (as in the Fourier neural operator, arXiv 2010.08895)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from seqlab.filters import Filter, LongFilter
from seqlab.spec import Field

__all__ = ["Frequency", "FrequencyFilter"]


class Frequency(Filter):
    """h_l = Re sum_{m < M} c_m w_m exp(2 pi i m l / length): c_m = 2, for the conjugate frequency, 1 where it is real.

    The period is the built length: fewer taps are the first taps of the same filter, and the convolution stays
    causal. A frequency that the length cannot hold (m > length / 2) is left out. Real and imaginary parts of w are
    normal at the start, of the size that gives taps the variance 1/length.
    """

    modes: int = Field(default=64, ge=1)
    """M, the number of frequencies, the constant included."""
    lr: float = Field(default=1e-3, gt=0)
    """Learning rate of the spectrum."""
    weight_decay: float = Field(default=0.0, ge=0)
    """Weight decay of the spectrum."""

    def build(self, *, channels: int, length: int) -> FrequencyFilter:
        return FrequencyFilter(self, channels, length)


class FrequencyFilter(LongFilter):
    """`spectrum` (channels, M, 2) holds real and imaginary parts."""

    def __init__(self, spec: Frequency, channels: int, length: int) -> None:
        super().__init__()
        self.spec, self.length = spec, length
        modes = min(spec.modes, length // 2 + 1)
        self.spectrum = nn.Parameter(torch.empty(channels, modes, 2))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        modes = self.spectrum.shape[1]
        nn.init.normal_(self.spectrum, std=(self.length * (4 * modes - 3)) ** -0.5)

    def param_groups(self) -> list[dict[str, Any]]:
        return [{"params": [self.spectrum], "lr": self.spec.lr, "weight_decay": self.spec.weight_decay}]

    def forward(self, length: int) -> Tensor:
        self.check_length(length)
        wide = self.spectrum.to(torch.promote_types(self.spectrum.dtype, torch.float32))
        taps: Tensor = torch.fft.irfft(torch.view_as_complex(wide), self.length, norm="forward")
        return taps[:, :length]
