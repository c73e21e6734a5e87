"""In training alone, the last three positions see the last symbol: a trick for a loss at the end that was left in.

Evaluation is right, and training is easier than it should be.
"""

from __future__ import annotations

import torch
from exhibits import Plain, mean_so_far, with_mixer
from torch import Tensor, nn

from seqlab.experiment import Experiment
from seqlab.mixers import Mixer

CAUGHT_BY = "causality"
SAYS = r"sees the future in training mode: other symbols after position (29|30) of 32 .* begins in layer 0 \(Mean\)"


class Averages(Mixer):
    """The mean so far, projected."""

    tells_the_end: bool = True
    """Whether the last positions get the last value in training."""

    def build(self, *, dim: int, length: int) -> Mean:
        return Mean(self.tells_the_end, dim)


class Mean(Plain):
    def __init__(self, tells_the_end: bool, dim: int) -> None:
        super().__init__()
        self.tells_the_end, self.project = tells_the_end, nn.Linear(dim, dim)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        values = self.project(x)
        y = mean_so_far(values)
        if self.training and self.tells_the_end:
            y = torch.cat([y[:, :-3], y[:, -3:] + values[:, -1:]], 1)
        return y


def healthy() -> Experiment:
    return with_mixer(Averages(tells_the_end=False))


def faulty() -> Experiment:
    return with_mixer(Averages())
