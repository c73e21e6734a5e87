"""A long convolution that wraps round on short input (Hyena notebook: long convolutions, H3, LRA batches).

The transform had twice the input's length, but the kernel was as long as the longest input: on a shorter one its last
taps wrapped round to earlier times. Outputs were off by 9e-3, and the first one saw the fifth.
"""

from __future__ import annotations

import torch
from exhibits import Plain, with_mixer
from torch import Tensor, nn

from seqlab.experiment import Experiment
from seqlab.mixers import Mixer

CAUGHT_BY = "padding"
SAYS = "a kernel that is as long as the longest input wraps round"


class LongKernel(Mixer):
    """One kernel for each feature, as long as the longest input."""

    cut: bool = False
    """Whether the kernel is cut to the input."""

    def build(self, *, dim: int, length: int) -> Convolution:
        return Convolution(self, dim, length)


class Convolution(Plain):
    def __init__(self, spec: LongKernel, dim: int, length: int) -> None:
        super().__init__()
        self.cut, self.out = spec.cut, nn.Linear(dim, dim)
        self.kernel = nn.Parameter(torch.randn(dim, length) / length)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        length = x.shape[1]
        kernel = self.kernel[:, :length] if self.cut else self.kernel
        points = 2 * length
        if kernel.shape[-1] > points:
            kernel = nn.functional.pad(kernel, (0, -kernel.shape[-1] % points)).unflatten(-1, (-1, points)).sum(-2)
        spectrum = torch.fft.rfft(x.transpose(1, 2), points) * torch.fft.rfft(kernel, points)
        y: Tensor = self.out(torch.fft.irfft(spectrum, points)[..., :length].transpose(1, 2))
        return y


def healthy() -> Experiment:
    return with_mixer(LongKernel(cut=True))


def faulty() -> Experiment:
    return with_mixer(LongKernel())
