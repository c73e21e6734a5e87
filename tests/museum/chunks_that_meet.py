"""A scan in chunks of 24 that reads one symbol too far: the last position of each chunk sees the next one's first.

Only one position in 24 sees the future, and only one symbol of it, so a look at a few positions finds nothing.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from exhibits import TEXT, Plain, mean_so_far, with_mixer
from torch import Tensor, nn
from torch.nn import functional as F

from seqlab.experiment import Experiment
from seqlab.mixers import Mixer
from seqlab.tasks.text import Text

CAUGHT_BY = "causality"
SAYS = r"sees the future: other symbols after position (\d+) of 256 .* begins in layer 0 \(Scan\)"
CHUNK = 24


class Scanning(Mixer):
    """The mean so far, in chunks."""

    overlap: int = 1
    """Symbols of the next chunk that each one reads."""

    def build(self, *, dim: int, length: int) -> Scan:
        return Scan(self.overlap, dim)


class Scan(Plain):
    def __init__(self, overlap: int, dim: int) -> None:
        super().__init__()
        self.overlap, self.project = overlap, nn.Linear(dim, dim)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        values = self.project(x)
        is_last = torch.arange(x.shape[1]) % CHUNK == CHUNK - 1
        following = F.pad(values, (0, 0, 0, 1))[:, 1:]
        return mean_so_far(values) + self.overlap * following * is_last[:, None]

    def flops(self, length: int) -> float:
        return 2.0 * length * self.project.weight.numel()


def _long(overlap: int) -> Experiment:
    return replace(with_mixer(Scanning(overlap=overlap)), task=Text(path=str(TEXT), length=256))


def healthy() -> Experiment:
    return _long(0)


def faulty() -> Experiment:
    return _long(1)
