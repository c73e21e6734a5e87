"""A parameter without gradient: the model has it, the optimiser lists it, and it never changes.

The DLN notebook's scan returned the decays and not the state, so nothing before it mattered to the output. Here a
gate is detached: the loss falls without it, and only a look at every parameter's gradient tells.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from exhibits import small, small_model
from torch import Tensor, nn

from seqlab.experiment import Experiment
from seqlab.mixers.attention import Attention, SelfAttention
from seqlab.models import Block

CAUGHT_BY = "gradient_flow"
SAYS = r"blocks\.0\.mixer\.gate` .*gets no gradient"


class Gated(Attention):
    def build(self, *, dim: int, length: int) -> SelfAttention:
        return GatedAttention(self, dim, length)


class GatedAttention(SelfAttention):
    def __init__(self, spec: Attention, dim: int, length: int) -> None:
        super().__init__(spec, dim, length)
        self.gate = nn.Parameter(torch.zeros(dim))

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return super().forward(x, lengths) * (1 + self.gate.detach())


def healthy() -> Experiment:
    return small()


def faulty() -> Experiment:
    return small(replace(small_model(), layers=(Block(mixer=Gated(heads=2)),) * 2))
