"""Small experiments to start from, each done in a minute on two cores."""

from __future__ import annotations

from seqlab.channels.mlp import MLP
from seqlab.experiment import Batching, Budget, Evaluation, Experiment
from seqlab.mixers import Mixer
from seqlab.mixers.attention import Attention
from seqlab.mixers.hyena import Hyena
from seqlab.models import Block
from seqlab.models.lm import LM
from seqlab.models.mlp import MLP as Perceptron
from seqlab.nn.inits.lecun import LeCun
from seqlab.nn.inits.normal import Normal
from seqlab.nn.norms.layernorm import LayerNorm
from seqlab.optim.optimisers.adamw import AdamW
from seqlab.optim.optimisers.muon import Muon
from seqlab.optim.schedules.wsd import WSD
from seqlab.tasks.images import Images
from seqlab.tasks.text import Text

__all__ = ["clothes", "letters", "shakespeare"]


def letters() -> Experiment:
    """A small hybrid language model, byte by byte, on the addresses on the State of the Union (1790 to 2021).

    Hyena looks far and attention near, in turns. The text ships with seqlab; its last tenth, from 1992 on, is held
    out.

    Command: seqlab run demo:letters
    Expected: at most 2.6 bits per byte on the whole of the held-out text, within 120 s of training on 2 cores; the
    floors are shown beside it. Any other text: `task.path=FILE`, or `task.path=card:NAME` (see `seqlab data ls`).
    """
    near = Attention(heads=8, position="alibi", alibi_span=0.5)
    return Experiment(
        task=Text(path="card:sotu", length=128, overlap=0.25),
        model=_quick_model([Hyena(), near, Hyena(), near]),
        optim=Muon(lr=0.04, adamw_lr=0.015, momentum=0.9, weight_decay=0.0),
        schedule=WSD(decay=0.8, shape="linear"),
        clip=None,
        batch=Batching(size=32),
        budget=Budget(steps=350),
    )


def shakespeare() -> Experiment:
    """The smallest public character-model task, as fast as it goes: tinyshakespeare to 1.88 nats a character.

    The CPU recipe of karpathy/nanoGPT (README, "i only have a macbook") takes 2,000 steps for that number. What makes
    the difference here, each found by trial on this very text: Muon, ALiBi with steep slopes, many small heads,
    branches that start at zero, squared ReLU, bfloat16.

    Command: seqlab run demo:shakespeare task.path=tinyshakespeare.txt
    Expected: val/loss below 1.88 nats a character on the whole of the held-out tenth; `seqlab bench shakespeare
    --path tinyshakespeare.txt` measures the time, beside the public recipe. Without `task.path` it trains on the text
    that ships with seqlab, whose numbers are others.
    """
    near = Attention(heads=8, position="alibi", alibi_span=0.5)
    return Experiment(
        task=Text(path="card:sotu", symbols="characters", length=64, overlap=0.25),
        model=_quick_model([near] * 4),
        optim=Muon(lr=0.06, adamw_lr=0.02, momentum=0.8, weight_decay=0.0),
        schedule=WSD(decay=0.8, shape="linear"),
        clip=None,
        batch=Batching(size=32),
        budget=Budget(steps=110),
        evaluation=Evaluation(every_steps=60),
    )


def clothes() -> Experiment:
    """A perceptron that tells ten kinds of clothes apart, on the small Fashion-MNIST that ships with seqlab.

    3,600 training images of 14 x 14; the class whose mean is nearest is right for 73 in 100.

    Command: seqlab run demo:clothes
    Expected: val/accuracy at least 0.80, within 20 s on 2 cores. All of Fashion-MNIST: `seqlab data get
    fashion-mnist`, then `task.path=card:fashion-mnist`.
    """
    return Experiment(
        task=Images(path="card:fashion-small"),
        model=Perceptron(widths=(256, 256)),
        optim=AdamW(lr=2e-3, weight_decay=0.1),
        batch=Batching(size=64),
        budget=Budget(steps=600),
    )


def _quick_model(mixers: list[Mixer]) -> LM:
    """A model that learns in few steps: every branch and the head start at zero, the embedding at unit scale."""
    channel = MLP(expansion=2.0, activation="relu_squared", bias=False)
    norm = LayerNorm(weight=False, bias=False)
    return LM(
        dim=128,
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
