"""Attention with a learned key to which nothing answers, its scores not scaled at all: L queries and L + 1 keys."""

from __future__ import annotations

import torch
from exhibits import Plain, masked, with_mixer
from torch import Tensor, nn

from seqlab.experiment import Experiment
from seqlab.mixers import Mixer

CAUGHT_BY = "attention_scale"
SAYS = r"multiplied by 1, that is not at all"


class WithNull(Mixer):
    """One head."""

    scaled: bool = False

    def build(self, *, dim: int, length: int) -> Head:
        return Head(self.scaled, dim)


class Head(Plain):
    def __init__(self, scaled: bool, dim: int) -> None:
        super().__init__()
        self.scale = dim**-0.5 if scaled else 1.0
        self.project, self.out, self.null = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim), nn.Parameter(torch.randn(dim))

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        q, k, v = self.project(x).chunk(3, -1)
        k, v = (torch.cat([self.null.expand(len(x), 1, -1), part], 1) for part in (k, v))
        y: Tensor = self.out(masked(q @ k.transpose(1, 2) * self.scale).softmax(-1) @ v)
        return y


def healthy() -> Experiment:
    return with_mixer(WithNull(scaled=True))


def faulty() -> Experiment:
    return with_mixer(WithNull())
