"""A layer that uses its weights in float32 while it trains, and in bf16 when it is evaluated.

The forecast and the benchmark, both made in evaluation mode, promise a speed that training never has.
"""

from __future__ import annotations

from dataclasses import replace

from exhibits import Plain, mean_so_far, with_mixer
from torch import Tensor, nn
from torch.nn import functional as F

from seqlab.experiment import Experiment
from seqlab.mixers import Mixer

CAUGHT_BY = "dtype"
SAYS = r"`blocks\.0` is in float32 .*in training mode.* in `blocks\.0\.mixer"


class Averages(Mixer):
    """The mean so far, projected."""

    wide: bool = True
    """Whether it projects in float32 in training."""

    def build(self, *, dim: int, length: int) -> Mean:
        return Mean(self.wide, dim)


class Mean(Plain):
    def __init__(self, wide: bool, dim: int) -> None:
        super().__init__()
        self.wide, self.project = wide, nn.Linear(dim, dim)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        mean = mean_so_far(x)
        if self.training and self.wide:
            return F.linear(mean.float(), self.project.weight.float(), self.project.bias.float()).to(x.dtype)
        y: Tensor = self.project(mean)
        return y


def healthy() -> Experiment:
    return replace(with_mixer(Averages(wide=False)), precision="bfloat16")


def faulty() -> Experiment:
    return replace(with_mixer(Averages()), precision="bfloat16")
