"""Attention whose scores are scaled by the width of the model and not of a head (DLN notebook, May 2024).

The notebook's scale was E^-1/2 where D^-1/2 was meant. It went unnoticed because both happened to be 256 in that run;
in the next model they were not.
"""

from __future__ import annotations

import torch
from exhibits import Plain, with_mixer
from torch import Tensor, nn

from seqlab.experiment import Experiment
from seqlab.mixers import Mixer
from seqlab.mixers.attention import Attention

CAUGHT_BY = "attention_scale"
SAYS = r"the width of the whole model.*a head has 4 features"


class Scaled(Mixer):
    """Four heads."""

    def build(self, *, dim: int, length: int) -> Heads:
        return Heads(dim)


class Heads(Plain):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.project, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        q, k, v = self.project(x).unflatten(-1, (3, 4, -1)).transpose(1, 3).unbind(2)
        scores = q @ k.transpose(-1, -2) / x.shape[-1] ** 0.5
        future = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
        weights = scores.masked_fill(future, float("-inf")).softmax(-1)
        return self.out((weights @ v).transpose(1, 2).flatten(2))


def healthy() -> Experiment:
    return with_mixer(Attention(heads=4))


def faulty() -> Experiment:
    return with_mixer(Scaled())
