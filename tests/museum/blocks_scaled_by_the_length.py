"""Attention within blocks of 8 positions, its scores scaled by the length of the whole input."""

from __future__ import annotations

import torch
from exhibits import Plain, masked, mean_so_far, with_mixer
from torch import Tensor, nn

from seqlab.experiment import Experiment
from seqlab.mixers import Mixer

CAUGHT_BY = "attention_scale"
SAYS = r"1/sqrt\(32\), the length; a head has 16 features"
BLOCK = 8


class Blocked(Mixer):
    """One head, and the mean so far beside it."""

    by_length: bool = True
    """Whether the scale is that of the length and not of the head."""

    def build(self, *, dim: int, length: int) -> Blocks:
        return Blocks(self.by_length, dim)


class Blocks(Plain):
    def __init__(self, by_length: bool, dim: int) -> None:
        super().__init__()
        self.by_length, self.project, self.out = by_length, nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        scale = (x.shape[1] if self.by_length else x.shape[2]) ** -0.5
        projected = self.project(x)
        parts = []
        for piece in projected.split(BLOCK, 1):
            q, k, v = piece.chunk(3, -1)
            parts.append(masked(q @ k.transpose(1, 2) * scale).softmax(-1) @ v)
        y: Tensor = self.out(torch.cat(parts, 1) + mean_so_far(projected.chunk(3, -1)[2]))
        return y


def healthy() -> Experiment:
    return with_mixer(Blocked(by_length=False))


def faulty() -> Experiment:
    return with_mixer(Blocked())
