"""Decays the wrong way round in a model of one's own, whose layers are no mixers of seqlab.

The same accident as in a mixer. A residual connection leads past each layer, so most of what reaches an output is its
own position, with a memory as without one.
"""

from __future__ import annotations

import torch
from exhibits import Own, Stack, small
from torch import Tensor, nn

from seqlab.data.signature import Signature
from seqlab.experiment import Experiment

CAUGHT_BY = "receptive_field"
SAYS = r"layer 0 \(Layer\).*the model: 90% .* the last 2 of 32.*decays that are inverted.*an attribute `reach`"


class Recurrent(Own):
    """Four layers s_t = decay s_{t-1} + in(x_t)."""

    inverted: bool = True
    """Whether the decays are 1 - U(0.95, 0.999)."""

    def build(self, signature: Signature) -> nn.Module:
        return Stack(signature.vocabulary, (Layer(16, inverted=self.inverted) for _ in range(4)))


class Layer(nn.Module):
    def __init__(self, dim: int, *, inverted: bool) -> None:
        super().__init__()
        self.norm, self.project, self.out = nn.LayerNorm(dim), nn.Linear(dim, dim), nn.Linear(dim, dim)
        draws = 0.95 + 0.049 * torch.rand(dim)
        self.decay = nn.Parameter(1 - draws if inverted else draws)

    def forward(self, x: Tensor) -> Tensor:
        values = self.project(self.norm(x))
        states = [values[:, 0]]
        for t in range(1, x.shape[1]):
            states.append(states[-1] * self.decay + values[:, t])
        y: Tensor = self.out(torch.stack(states, 1))
        return x + y


def healthy() -> Experiment:
    return small(Recurrent(inverted=False))


def faulty() -> Experiment:
    return small(Recurrent())
