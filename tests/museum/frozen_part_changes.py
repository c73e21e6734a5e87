"""A frozen part that changes: its weights take no gradient, and the forward pass writes to them all the same.

The Potts notebook trains on encodings that are "computed once and frozen". Where a frozen part keeps running means,
the same input has another encoding in the next epoch, and no gradient shows it.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from exhibits import small, small_model
from torch import Tensor, nn

from seqlab.experiment import Experiment
from seqlab.mixers.attention import Attention
from seqlab.models import Block
from seqlab.nn.norms import Norm

CAUGHT_BY = "frozen"
SAYS = r"the frozen `blocks\.0\.mixer_norm\.mean` is changed"


class Centred(Norm):
    def build(self, *, dim: int) -> nn.Module:
        return RunningCentre(dim)


class RunningCentre(nn.Module):
    keeps_float32 = True

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(dim), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            with torch.no_grad():
                self.mean.lerp_(x.detach().flatten(0, -2).mean(0), 0.01)
        return x - self.mean


def healthy() -> Experiment:
    return replace(small(), freeze=("blocks.0",))


def faulty() -> Experiment:
    return small(replace(small_model(), layers=(Block(mixer=Attention(heads=2), norm=Centred()),) * 2))
