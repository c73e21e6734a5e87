"""A scan in chunks of 1024 whose carry is that of the chunk's own end, in a wide model with longer inputs.

What an audit can afford of such a model is an input of 283 symbols, which never fills a chunk.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from exhibits import TEXT, Plain, with_mixer
from torch import Tensor, nn

from seqlab.experiment import Batching, Experiment
from seqlab.mixers import Mixer
from seqlab.models import Block
from seqlab.models.lm import LM
from seqlab.tasks.text import Text

CAUGHT_BY = "causality"
SAYS = r"sees the future: other symbols after position \d+ of 1135 .* begins in layer 0 \(Sums\)"
CHUNK = 1024


class Summing(Mixer):
    """Sums so far, in chunks."""

    of_the_end: bool = True
    """Whether a full chunk adds its own sum in place of that of the one before."""

    def build(self, *, dim: int, length: int) -> Sums:
        return Sums(self.of_the_end, dim)


class Sums(Plain):
    def __init__(self, of_the_end: bool, dim: int) -> None:
        super().__init__()
        self.of_the_end, self.project = of_the_end, nn.Linear(dim, dim)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        parts, carry = [], torch.zeros_like(x[:, :1])
        for piece in self.project(x).split(CHUNK, 1):
            total = piece.sum(1, keepdim=True)
            parts.append(piece.cumsum(1) + (total if self.of_the_end and piece.shape[1] == CHUNK else carry))
            carry = carry + total
        return torch.cat(parts, 1) / CHUNK

    def flops(self, length: int) -> float:
        return 3.5e6 * length  # what a mixer costs that projects more than once


def _wide(of_the_end: bool) -> Experiment:
    model = LM(dim=64, layers=(Block(mixer=Summing(of_the_end=of_the_end)),) * 2)
    return replace(with_mixer(Summing()), model=model, task=Text(path=str(TEXT), length=2048), batch=Batching(size=2))


def healthy() -> Experiment:
    return _wide(False)


def faulty() -> Experiment:
    return _wide(True)
