"""A language model in eight or four bits, whoever asks for it."""

from __future__ import annotations

from typing import cast

from seqlab.models.lm import LanguageModel
from seqlab.nn.linear import Linear
from seqlab.nn.quantised import Bits, QuantisedLinear, quantise

__all__ = ["quantise_model"]


def quantise_model(model: LanguageModel, bits: Bits) -> None:
    """Put all linears of a model, and its head, in so many bits, in place. A tied head becomes a matrix of its own
    beside the embedding, which stays as it is."""
    if model.head is None:
        model.head = cast(Linear, QuantisedLinear(model.embedding.weight, None, bits))
    quantise(model, bits)
