"""Neighbours in C++: 64 columns a comparison, and no memory beyond a byte a letter."""

from __future__ import annotations

from pathlib import Path

import torch
from jaxtyping import Int
from torch import Tensor

from seqlab.kernels.native import Native

__all__ = ["MOST", "NATIVE", "neighbours_native"]

NATIVE = Native(Path(__file__).with_name("neighbours.cpp"))
MOST = 253
"""The highest letter; the bytes above it are equal to nothing."""
OURS, THEIRS = 254, 255
COLUMNS = 64


def neighbours_native(letters: Int[Tensor, "s l"], least: Int[Tensor, " s"], gap: int) -> Int[Tensor, " s"]:
    """The reference's function."""
    sequences, length = letters.shape
    width = -(-length // COLUMNS) * COLUMNS
    ours, theirs = (_padded(letters, width, gap, nothing) for nothing in (OURS, THEIRS))
    counts = torch.zeros(sequences, dtype=torch.int64)
    NATIVE.run("neighbours", ours, theirs, least.to(torch.int64).contiguous(), counts, sequences, width)
    return counts


def _padded(letters: Tensor, width: int, gap: int, nothing: int) -> Tensor:
    padded = torch.full((len(letters), width), nothing, dtype=torch.uint8)
    padded[:, : letters.shape[1]] = letters.masked_fill(letters == gap, nothing).to(torch.uint8)
    return padded
