"""Small experiments to start from."""

from __future__ import annotations

from seqlab.channels.swiglu import SwiGLU
from seqlab.experiment import Batching, Budget, Experiment
from seqlab.mixers.attention import Attention
from seqlab.models import Block
from seqlab.models.lm import LM
from seqlab.optim.optimisers.muon import Muon
from seqlab.optim.schedules.wsd import WSD
from seqlab.tasks.text import Text

__all__ = ["letters"]


def letters() -> Experiment:
    """A small language model on the State of the Union, byte by byte."""
    return Experiment(
        task=Text(path="card:sotu", symbols="bytes", length=256),
        model=LM(
            dim=128,
            layers=tuple(Block(mixer=Attention(heads=4, position="rotary"), channel=SwiGLU()) for _ in range(2)),
        ),
        optim=Muon(),
        schedule=WSD(),
        batch=Batching(size=16),
        budget=Budget(steps=200),
    )
