"""The residual stream added twice: the block returns x + f(x), and the model adds x again (DLN notebook, GPT of 2024).

The stream doubled in each of six layers, 64 times in all. That is why "embedding scaling is SUPER critical, not sure
why": with the stream added once the first loss at scale 1 was 5.1 and not 59.8.
"""

from __future__ import annotations

from typing import Any

from exhibits import small
from torch import Tensor, nn

from seqlab.data.signature import Signature
from seqlab.experiment import Experiment
from seqlab.mixers.attention import Attention
from seqlab.models import Block, Model
from seqlab.nn.norms.rmsnorm import RMSNorm

CAUGHT_BY = "residual_gain"
SAYS = r"grows by 2\.00 in layer 0 .*added twice"


class Doubled(Model):
    """Six blocks."""

    twice: bool = True
    """Whether the model adds what the block has added already."""

    def build(self, signature: Signature) -> nn.Module:
        return DoubledModel(self, signature)

    def card(self, model: nn.Module) -> dict[str, Any]:
        return {}


class DoubledModel(nn.Module):
    def __init__(self, spec: Doubled, signature: Signature) -> None:
        super().__init__()
        self.twice = spec.twice
        self.embedding = nn.Embedding(signature.vocabulary, 16)
        block = Block(mixer=Attention(heads=2))
        self.layers = nn.ModuleList(block.build(dim=16, length=signature.length) for _ in range(6))
        self.norm = RMSNorm().build(dim=16)
        self.head = nn.Linear(16, signature.vocabulary)
        nn.init.normal_(self.embedding.weight, 0.0, 0.02)

    def forward(self, tokens: Tensor) -> Tensor:
        hidden = self.embedding(tokens)
        for layer in self.layers:
            hidden = hidden + layer(hidden) if self.twice else layer(hidden)
        logits: Tensor = self.head(self.norm(hidden))
        return logits


def healthy() -> Experiment:
    return small(Doubled(twice=False))


def faulty() -> Experiment:
    return small(Doubled())
