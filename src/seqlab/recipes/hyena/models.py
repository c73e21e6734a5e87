"""The language model that all of HazyResearch/safari's recipes share."""

from __future__ import annotations

from typing import Literal

from seqlab.channels.mlp import MLP
from seqlab.mixers import Mixer
from seqlab.models import Block
from seqlab.models.lm import LM
from seqlab.nn.norms.layernorm import LayerNorm

__all__ = ["Position", "language_model"]

Position = Literal["none", "learned"]


def language_model(
    dim: int, expansion: float, mixers: list[Mixer], *, dropout: float = 0.0, position: Position = "none"
) -> LM:
    """Safari's language model: layer norm before each branch, GELU by its approximation, a tied head, initial law
    N(0, 0.02), divided by the root of the number of branches where it writes to the residual stream."""
    channel = MLP(expansion=expansion, activation="gelu_tanh")
    blocks = tuple(Block(mixer=mixer, channel=channel, norm=LayerNorm(), dropout=dropout) for mixer in mixers)
    return LM(dim=dim, layers=blocks, norm=LayerNorm(), dropout=max(dropout, 0.1), position=position)
