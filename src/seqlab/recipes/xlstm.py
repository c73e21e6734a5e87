"""Large and classic xLSTM beside attention and Hyena: small language models of equal size on one text, byte by byte.

What they share: the text and its held-out tenth, the order of the data, the optimiser and its schedule, width 128, the
initial laws of xLSTM Large. `seqlab compare` sets the runs side by side.
"""

from __future__ import annotations

import math

from seqlab.channels.glu import GLU
from seqlab.channels.swiglu import SwiGLU
from seqlab.experiment import Batching, Budget, Experiment
from seqlab.mixers import Mixer
from seqlab.mixers.attention import Attention
from seqlab.mixers.hyena import Hyena
from seqlab.mixers.mlstm import MLSTM
from seqlab.mixers.mlstm_classic import ClassicMLSTM
from seqlab.mixers.slstm import SLSTM
from seqlab.models import Block
from seqlab.models.lm import LM
from seqlab.nn.inits.normal import Normal
from seqlab.nn.norms.layernorm import LayerNorm
from seqlab.nn.norms.rmsnorm import RMSNorm
from seqlab.optim.optimisers.adamw import AdamW
from seqlab.optim.schedules.wsd import WSD
from seqlab.tasks.text import Text

__all__ = ["attention", "classic", "hyena", "large"]

WIDTH, DEPTH = 128, 4


def large() -> Experiment:
    """xLSTM Large in small: 4 blocks of a matrix LSTM and SwiGLU, soft caps on gates and logits.

    Source: Beck et al., arXiv 2503.13427; the settings of NX-AI/xLSTM-7b but for width, depth and text.

    Command: seqlab run xlstm:large
    Expected: at most 2.75 bits per byte on the held-out tenth.
    """
    return _experiment([_with_swiglu(MLSTM())] * DEPTH, logit_cap=30.0)


def classic() -> Experiment:
    """The first xLSTM, xLSTM[7:1]: 8 blocks, of which the second is a scalar LSTM with a gated layer behind it.

    Source: Beck et al., arXiv 2405.04517; blocks as in the package xlstm. Blocks of matrix LSTMs have no layer behind
    them and half the parameters, so there are twice as many.

    Command: seqlab run xlstm:classic
    Expected: what docs/xlstm.md shows beside the others.
    """
    norm = LayerNorm(bias=False)
    matrix = Block(mixer=ClassicMLSTM(), channel=None, norm=norm)
    scalar = Block(mixer=SLSTM(), channel=GLU(activation="gelu", expansion=1.3), norm=norm)
    return _experiment([matrix, scalar, *[matrix] * (2 * DEPTH - 2)])


def attention() -> Experiment:
    """A transformer of the same size: rotary attention where xlstm:large has its matrix LSTMs.

    Command: seqlab run xlstm:attention
    Expected: what docs/xlstm.md shows beside the others.
    """
    return _experiment([_with_swiglu(Attention(heads=4, position="rotary"))] * DEPTH)


def hyena() -> Experiment:
    """Hyena of the same size: long convolutions where xlstm:large has its matrix LSTMs. Their filters have
    parameters of their own, so the layers behind them are narrower.

    Command: seqlab run xlstm:hyena
    Expected: what docs/xlstm.md shows beside the others.
    """
    return _experiment([_with_swiglu(Hyena(), expansion=2.5)] * DEPTH)


def _with_swiglu(mixer: Mixer, expansion: float = 2.667) -> Block:
    return Block(mixer=mixer, channel=SwiGLU(expansion=expansion), norm=RMSNorm())


def _experiment(layers: list[Block], logit_cap: float | None = None) -> Experiment:
    law = Normal(scale=math.sqrt(2 / (5 * WIDTH)))
    return Experiment(
        task=Text(path="card:sotu", length=256, overlap=0.25),
        model=LM(
            dim=WIDTH,
            layers=tuple(layers),
            norm=RMSNorm(),
            tied=False,
            init=law,
            embedding_init=law,
            head_init=law,
            residual_init=Normal(scale=2 / (DEPTH * math.sqrt(WIDTH))),
            depth_scaled=False,
            logit_cap=logit_cap,
        ),
        optim=AdamW(lr=4e-3, weight_decay=0.1),
        schedule=WSD(decay=0.6, shape="linear"),
        batch=Batching(size=8),
        budget=Budget(steps=250),
    )
