"""Attention, Hyena and a hybrid of both on bytes, each for the same wall time: what one CPU thread learns in minutes.

All is the same but for the mixers. Every branch and the head start at zero, matrices are trained by Muon, and the rate
is constant, so that no schedule needs to know how many steps the time allows: a running average of the weights stands
in for its decay, and any two runs can be compared at any time.
"""

from __future__ import annotations

from seqlab.channels.mlp import MLP
from seqlab.experiment import Batching, Budget, Evaluation, Experiment
from seqlab.mixers import Mixer
from seqlab.mixers.attention import Attention
from seqlab.mixers.hyena import Hyena
from seqlab.models import Block
from seqlab.models.lm import LM
from seqlab.nn.inits.lecun import LeCun
from seqlab.nn.inits.normal import Normal
from seqlab.nn.norms.layernorm import LayerNorm
from seqlab.optim.optimisers.muon import Muon
from seqlab.optim.schedules.constant import Constant
from seqlab.tasks.text import Text

__all__ = ["bytes_attention", "bytes_hybrid", "bytes_hyena"]


def bytes_attention() -> Experiment:
    """Four layers of attention with ALiBi on the bytes of a text, for 12 minutes.

    Command: seqlab run hyena:bytes_attention task.path=card:brown
    Data: seqlab data get brown; without `task.path`, the text that ships with seqlab. Another time: budget.minutes=5.
    Expected: below the n-gram with 3 bytes of context; one CPU thread is enough.
    """
    return _for_minutes([_near()] * 4)


def bytes_hyena() -> Experiment:
    """Four layers of Hyena, as hyena:bytes_attention.

    Command: seqlab run hyena:bytes_hyena task.path=card:brown
    Data and time: as hyena:bytes_attention.
    Expected: below the n-gram with 3 bytes of context.
    """
    return _for_minutes([Hyena()] * 4)


def bytes_hybrid() -> Experiment:
    """Hyena and attention in turns, as hyena:bytes_attention.

    Command: seqlab run hyena:bytes_hybrid task.path=card:brown
    Data and time: as hyena:bytes_attention.
    Expected: below the n-gram with 3 bytes of context.
    """
    return _for_minutes([Hyena(), _near(), Hyena(), _near()])


def _near() -> Attention:
    """Slopes of ALiBi that fall by half of the usual span: a byte depends on those near it."""
    return Attention(heads=8, position="alibi", alibi_span=4.0)


def _for_minutes(mixers: list[Mixer]) -> Experiment:
    channel = MLP(expansion=4.0, activation="relu_squared", bias=False)
    norm = LayerNorm(weight=False, bias=False)
    model = LM(
        dim=192,
        layers=tuple(Block(mixer=mixer, channel=channel, norm=norm) for mixer in mixers),
        norm=norm,
        tied=False,
        init=LeCun(),
        residual_init=Normal(scale=0.0),
        embedding_init=Normal(scale=1.0),
        head_init=Normal(scale=0.0),
        depth_scaled=False,
        embedding_norm=True,
    )
    return Experiment(
        task=Text(path="card:sotu", length=256, overlap=0.25),
        model=model,
        optim=Muon(lr=0.02, adamw_lr=0.01, momentum=0.9, weight_decay=0.0),
        schedule=Constant(),
        clip=None,
        batch=Batching(size=16),
        budget=Budget(minutes=12.0),
        evaluation=Evaluation(every_minutes=1.0),
        averaging=0.98,
    )
