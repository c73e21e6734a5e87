"""How a row enters a model that learns nothing before its first mixer: each number repeated over the features."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from seqlab.data.signature import Signature
from seqlab.spec import SpecError

__all__ = ["PixelTiles", "SymbolTiles", "bits_of"]


class PixelTiles(nn.Module):
    """images (B, channels, height, width), line by line, or features (B, L), one by one -> (B, L, D): the channels of a
    pixel in turn, D / channels times."""

    def __init__(self, shape: tuple[int, ...], dim: int) -> None:
        super().__init__()
        self.channels = shape[0] if len(shape) > 1 else 1
        self.length = math.prod(shape) // self.channels
        self.numbers, self.times = self.channels, _times(dim, self.channels, "channels")

    def forward(self, numbers: Tensor, dtype: torch.dtype) -> Tensor:
        pixels = numbers.reshape(len(numbers), self.channels, -1).transpose(1, 2)
        return pixels.to(dtype).tile(self.times)


class SymbolTiles(nn.Module):
    """symbols (B, L) int64 -> (B, L, D): a symbol's one-hot vector of V, or its bits, D / V times."""

    def __init__(self, signature: Signature, dim: int, *, bits: bool) -> None:
        super().__init__()
        self.length, self.vocabulary, self.bits = signature.length, signature.vocabulary, bits
        self.numbers = _bit_length(signature.vocabulary) if bits else signature.vocabulary
        self.times = _times(dim, self.numbers, "bits" if bits else "symbols")

    def forward(self, tokens: Tensor, dtype: torch.dtype) -> Tensor:
        if self.bits:
            return bits_of(self.vocabulary, torch.empty(0, dtype=dtype, device=tokens.device))[tokens].tile(self.times)
        symbols = torch.arange(self.vocabulary, device=tokens.device)
        return (tokens[..., None] == symbols).to(dtype).tile(self.times)  # F.one_hot looks at the largest first


def bits_of(vocabulary: int, like: Tensor) -> Tensor:
    """(V, bits): the bits of each symbol, highest first, as numbers on the device and in the dtype of `like`."""
    places = torch.arange(_bit_length(vocabulary) - 1, -1, -1, device=like.device)
    return (torch.arange(vocabulary, device=like.device)[:, None] >> places & 1).to(like.dtype)


def _bit_length(vocabulary: int) -> int:
    bits = (vocabulary - 1).bit_length()
    if vocabulary != 1 << bits or bits == 0:
        raise SpecError(f"bits spell 2, 4, 8 ... symbols, and the task has {vocabulary}; set `model.bits=false`.")
    return bits


def _times(dim: int, numbers: int, what: str) -> int:
    if dim % numbers:
        raise SpecError(f"models/tiled: `dim` {dim} is no multiple of the {numbers} {what} that it repeats.")
    return dim // numbers
