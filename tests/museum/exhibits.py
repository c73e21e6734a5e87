"""What the planted faults start from: a small healthy experiment."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from seqlab.channels.mlp import MLP
from seqlab.data.signature import Signature
from seqlab.experiment import Batching, Budget, Experiment
from seqlab.mixers import Mixer, SequenceMixer
from seqlab.mixers.attention import Attention
from seqlab.models import Block, Model
from seqlab.models.lm import LM
from seqlab.tasks import Task
from seqlab.tasks.text import Text

TEXT = Path(__file__).parent.parent.parent / "LICENSE"


def small(model: Model | None = None, task: Task | None = None) -> Experiment:
    """Width 16, two layers of attention, on the licence, in float32."""
    return Experiment(
        task=task or Text(path=str(TEXT), length=32),
        model=model or small_model(),
        batch=Batching(size=4),
        budget=Budget(steps=20),
        precision="float32",
        device="cpu",
    )


def small_model() -> LM:
    """Two layers of attention with rotary positions and an MLP."""
    return LM(dim=16, layers=(Block(mixer=Attention(heads=2, position="rotary"), channel=MLP(expansion=2.0)),) * 2)


def with_mixer(mixer: Mixer) -> Experiment:
    """The small experiment with this mixer in both layers."""
    return small(LM(dim=16, layers=(Block(mixer=mixer, channel=MLP(expansion=2.0)),) * 2))


class Plain(SequenceMixer):
    """A mixer as a first draft has it: a forward pass, and nothing to generate with."""

    causal = True
    max_length = None

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        raise NotImplementedError

    def flops(self, length: int) -> float:
        return 0.0

    def state_bytes(self, batch: int, length: int) -> int:
        return 0


class Own(Model):
    """A model of plain torch modules, as a researcher brings it along."""

    def build(self, signature: Signature) -> nn.Module:
        raise NotImplementedError

    def card(self, model: nn.Module) -> dict[str, Any]:
        return {}


class Stack(nn.Module):
    """An embedding of width 16, layers one after another, a norm and a head."""

    def __init__(self, vocabulary: int, layers: Iterable[nn.Module]) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, 16)
        self.layers = nn.ModuleList(layers)
        self.norm, self.head = nn.LayerNorm(16), nn.Linear(16, vocabulary)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embedding(tokens)
        for layer in self.layers:
            result = layer(x)
            x = result[0] if isinstance(result, tuple) else result
        logits: Tensor = self.head(self.norm(x))
        return logits


def mean_so_far(x: Tensor) -> Tensor:
    """At each position the mean of all that stands up to it."""
    return x.cumsum(1) / torch.arange(1, x.shape[1] + 1, device=x.device, dtype=x.dtype)[:, None]


def masked(scores: Tensor) -> Tensor:
    """Scores (..., queries, keys) without those of later keys; keys before the first query are seen by all."""
    queries, keys = scores.shape[-2:]
    future = torch.ones(queries, keys, dtype=torch.bool, device=scores.device).triu(1 + keys - queries)
    return scores.masked_fill(future, float("-inf"))
