"""Decays the wrong way round: 1 - U(0.95, 0.999) in place of U(0.95, 0.999) (DLN notebook, 1 June 2024).

Decays of 0.001 to 0.05 forget everything after one or two steps. Neither run of that day had any memory, and "5 history
can match full history" was a statement about attention alone.
"""

from __future__ import annotations

import torch
from exhibits import Plain, with_mixer
from torch import Tensor, nn

from seqlab.experiment import Experiment
from seqlab.mixers import Mixer

CAUGHT_BY = "receptive_field"
SAYS = r"layer 0 \(Recurrence\).*decays that are inverted"


class Decaying(Mixer):
    """s_t = decay s_{t-1} + in(x_t)."""

    inverted: bool = True
    """Whether the decays are 1 - U(0.95, 0.999)."""

    def build(self, *, dim: int, length: int) -> Recurrence:
        return Recurrence(self, dim)


class Recurrence(Plain):
    def __init__(self, spec: Decaying, dim: int) -> None:
        super().__init__()
        self.project, self.out = nn.Linear(dim, dim), nn.Linear(dim, dim)
        draws = 0.95 + 0.049 * torch.rand(dim)
        self.decay = nn.Parameter(1 - draws if spec.inverted else draws)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        values = self.project(x)
        states = [values[:, 0]]
        for t in range(1, x.shape[1]):
            states.append(states[-1] * self.decay + values[:, t])
        y: Tensor = self.out(torch.stack(states, 1))
        return y


def healthy() -> Experiment:
    return with_mixer(Decaying(inverted=False))


def faulty() -> Experiment:
    return with_mixer(Decaying())
