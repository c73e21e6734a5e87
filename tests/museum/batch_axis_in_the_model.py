"""The batch axis taken for the time axis inside a model: a running mean over rows (the `[:][:-1]` slip of the DLN
notebook, in a layer).

Each row then sees the rows before it, and the score depends on how the data was batched.
"""

from __future__ import annotations

from exhibits import Plain, with_mixer
from torch import Tensor, nn

from seqlab.experiment import Experiment
from seqlab.mixers import Mixer

CAUGHT_BY = "batch_mixing"
SAYS = r"rows mix in evaluation mode.*layer 0 \(Mean\)"


class Averages(Mixer):
    """The mean so far, projected."""

    axis: int = 0
    """The axis that is summed over: 1 is time."""

    def build(self, *, dim: int, length: int) -> Mean:
        return Mean(self, dim)


class Mean(Plain):
    def __init__(self, spec: Averages, dim: int) -> None:
        super().__init__()
        self.axis, self.project = spec.axis, nn.Linear(dim, dim)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        y: Tensor = self.project(x.cumsum(self.axis) / 8)
        return y


def healthy() -> Experiment:
    return with_mixer(Averages(axis=1))


def faulty() -> Experiment:
    return with_mixer(Averages())
