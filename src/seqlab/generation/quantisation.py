"""A language model whose weights take fewer bits, and what that does to what it predicts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from seqlab.models.lm import LanguageModel
from seqlab.models.shared.quantised import quantise_model
from seqlab.nn.narrow import convert
from seqlab.nn.quantised import Bits, weight_bytes

__all__ = ["Quality", "quality", "quantised", "weight_bytes"]


def quantised(model: LanguageModel, bits: Bits) -> LanguageModel:
    """The model with its linears and its head in eight or four bits, in place; all else computes in float32. A tied
    head becomes a matrix of its own beside the embedding, which stays as it is."""
    convert(model, torch.float32)
    quantise_model(model, bits)
    return model.eval()


class Quality(NamedTuple):
    """How a model predicts a text."""

    bits_per_symbol: float
    likeliest: Tensor
    """The symbol that it would write at each position of each piece."""

    def agreement(self, other: Quality) -> float:
        """The share of positions at which both would write the same."""
        return (self.likeliest == other.likeliest).double().mean().item()


@torch.inference_mode()
def quality(model: LanguageModel, symbols: Sequence[int], length: int) -> Quality:
    """Of a text that the model has not seen, in pieces of `length` symbols, each from nothing; what does not fill a
    piece is left out. Raises ValueError where it fills none."""
    pieces = torch.tensor(symbols[: (len(symbols) - 1) // length * length + 1])
    if len(pieces) <= length:
        raise ValueError(f"the text has {len(symbols)} symbols; a piece of {length} needs one more than that.")
    inputs, targets = pieces[:-1].view(-1, length), pieces[1:].view(-1, length)
    nats, likeliest = 0.0, []
    for piece, wanted in zip(inputs.split(8), targets.split(8), strict=True):
        logits = model(piece).float()
        nats += F.cross_entropy(logits.flatten(0, 1), wanted.flatten(), reduction="sum").double().item()
        likeliest.append(logits.argmax(-1))
    return Quality(nats / targets.numel() / math.log(2), torch.cat(likeliest))
