"""A scan over pairs that returns the decays and not the state (DLN notebook, 1 June 2024).

After the associative scan the code took component 0 of the pair, the product of the decays so far, and not component 1,
the state. The layer's output did not depend on its input, and the loss looked like any other: the attention beside it
did the work.
"""

from __future__ import annotations

import torch
from exhibits import Plain, with_mixer
from torch import Tensor, nn

from seqlab.experiment import Experiment
from seqlab.mixers import Mixer

CAUGHT_BY = "input_ignored"
SAYS = r"layer 0 \(Scanned\).*gives the same output whatever comes in"


class Scan(Mixer):
    """s_t = decay s_{t-1} + x_t."""

    wrong_half: bool = True
    """Whether the products of the decays are returned."""

    def build(self, *, dim: int, length: int) -> Scanned:
        return Scanned(self, dim)


class Scanned(Plain):
    def __init__(self, spec: Scan, dim: int) -> None:
        super().__init__()
        self.wrong_half, self.out = spec.wrong_half, nn.Linear(dim, dim)
        self.decay = nn.Parameter(0.9 + 0.09 * torch.rand(dim))

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        products, states = [torch.ones_like(x[:, 0])], [x[:, 0]]
        for t in range(1, x.shape[1]):
            products.append(products[-1] * self.decay)
            states.append(states[-1] * self.decay + x[:, t])
        y: Tensor = self.out(torch.stack(products if self.wrong_half else states, 1))
        return y


def healthy() -> Experiment:
    return with_mixer(Scan(wrong_half=False))


def faulty() -> Experiment:
    return with_mixer(Scan())
