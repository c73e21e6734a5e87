"""A mixer that adds its own input, inside a block that adds it too: the residual stream is added twice.

The same accident one level deeper: each of the two is right by itself.
"""

from __future__ import annotations

from exhibits import Plain, with_mixer
from torch import Tensor, nn

from seqlab.experiment import Experiment
from seqlab.mixers import Mixer

CAUGHT_BY = "residual_gain"
SAYS = r"returns its input together with its output.*added twice"


class RunningMean(Mixer):
    """The mean so far, projected."""

    own_residual: bool = True
    """Whether the mixer adds its input."""

    def build(self, *, dim: int, length: int) -> Mean:
        return Mean(self, dim)


class Mean(Plain):
    def __init__(self, spec: RunningMean, dim: int) -> None:
        super().__init__()
        self.own_residual, self.project = spec.own_residual, nn.Linear(dim, dim)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        count = x.new_ones(x.shape[1]).cumsum(0)[:, None]
        y: Tensor = self.project(x.cumsum(1) / count)
        return x + y if self.own_residual else y


def healthy() -> Experiment:
    return with_mixer(RunningMean(own_residual=False))


def faulty() -> Experiment:
    return with_mixer(RunningMean())
