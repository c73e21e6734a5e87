"""What the planted faults start from: a small healthy experiment."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from seqlab.channels.mlp import MLP
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
