"""F.dropout is on by default, also when the model is evaluated (Hyena notebook: dropout left on in evaluation).

Every number of such a run is too high, and no two evaluations of the same weights agree.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from exhibits import small, small_model
from torch import Tensor, nn
from torch.nn import functional as F

from seqlab.experiment import Experiment
from seqlab.mixers import Mixer, SequenceMixer
from seqlab.models import Block

CAUGHT_BY = "evaluation_mode"
SAYS = r"begins in layer 1 \(RunningMeanMixer\).*F\.dropout"


class RunningMean(Mixer):
    """The mean of all that was read so far."""

    always: bool = False

    def build(self, *, dim: int, length: int) -> SequenceMixer:
        return RunningMeanMixer(dim, self.always)


class RunningMeanMixer(SequenceMixer):
    causal = True
    max_length = None

    def __init__(self, dim: int, always: bool) -> None:
        super().__init__()
        self.always = always
        self.out = nn.Linear(dim, dim)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        places = torch.arange(1, x.shape[1] + 1, device=x.device)
        means = self.out(x.cumsum(1) / places[:, None])
        return F.dropout(means, 0.1) if self.always else F.dropout(means, 0.1, training=self.training)

    def flops(self, length: int) -> float:
        return 2.0 * length * self.out.weight.numel()


def small_with(mixer: Mixer) -> Experiment:
    model = small_model()
    return small(replace(model, layers=(model.layers[0], Block(mixer=mixer))))


def healthy() -> Experiment:
    return small_with(RunningMean())


def faulty() -> Experiment:
    return small_with(RunningMean(always=True))
