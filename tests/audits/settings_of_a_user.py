"""Parts of a user's file with settings that are read in ways of their own; one has a setting that is not."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqlab.mixers import Mixer, SequenceMixer
from seqlab.spec import Field
from seqlab.tasks.text import PreparedText, Text


class MeanOfThePast(SequenceMixer):
    causal = True
    max_length = None

    def __init__(self, dim: int, **settings: Any) -> None:
        super().__init__()
        self.settings = settings
        self.out = nn.Linear(dim, dim)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        pieces, carried = [], torch.zeros_like(x[:, :1])
        for piece in x.split(self.settings.get("chunk", x.shape[1]), 1):
            pieces.append(piece.cumsum(1) + carried)
            carried = pieces[-1][:, -1:]
        mean = torch.cat(pieces, 1) / torch.arange(1, x.shape[1] + 1, dtype=x.dtype)[:, None]
        bound = self.settings.get("clamp", float("inf"))
        mean = mean * self.out(x).clamp(-bound, bound).sigmoid()
        return F.dropout(mean, self.settings.get("dropout", 0.0), self.training) * self.settings.get("gain", 1.0)

    def flops(self, length: int) -> float:
        return 2.0 * length * self.out.weight.numel()


class Dropped(Mixer):
    dropout: float = Field(default=0.0, ge=0, lt=1)

    def build(self, *, dim: int, length: int) -> SequenceMixer:
        return MeanOfThePast(dim, dropout=self.dropout)


class Clamped(Mixer):
    """A bound for safety, which is never reached."""

    clamp: float = Field(default=30.0, gt=0)

    def build(self, *, dim: int, length: int) -> SequenceMixer:
        return MeanOfThePast(dim, clamp=self.clamp)


class Chunked(Mixer):
    """A setting of speed alone."""

    chunk: int = Field(default=64, ge=1)

    def build(self, *, dim: int, length: int) -> SequenceMixer:
        return MeanOfThePast(dim, chunk=self.chunk)


class HandedOn(Mixer):
    """All settings are read at once."""

    gain: float = 0.5

    def build(self, *, dim: int, length: int) -> SequenceMixer:
        return MeanOfThePast(dim, **vars(self))


class Forgotten(Mixer):
    """The module keeps the whole spec, and does not look at this setting."""

    heads_of_the_gate: int = 1

    def build(self, *, dim: int, length: int) -> SequenceMixer:
        return MeanOfThePast(dim, spec=self)


class TextOfAUser(Text):
    """All settings are read at once."""

    margin: int = 0

    def prepare(self) -> PreparedText:
        return Prepared(self, **vars(self))


class Prepared(PreparedText):
    def __init__(self, spec: Text, margin: int, **_: Any) -> None:
        super().__init__(spec)
        self.encoded["train"] = self.encoded["train"][margin:]
