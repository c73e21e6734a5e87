"""The same as products of one-hot matrices, piece by piece, so that memory stays bounded."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

__all__ = ["neighbours_products"]

ENTRIES = 1 << 25
"""Comparisons whose counts are held together."""


def neighbours_products(letters: Int[Tensor, "s l"], least: Int[Tensor, " s"], gap: int) -> Int[Tensor, " s"]:
    """The reference's function. Counts are whole numbers below 2^24, which float32 holds exactly."""
    size = int(letters.max()) + 1
    columns = torch.zeros(*letters.shape, size, device=letters.device).scatter_(2, letters[..., None], 1.0)
    if 0 <= gap < size:
        columns[:, :, gap] = 0
    coded = columns.flatten(1)
    piece = max(1, ENTRIES // len(coded))
    counts = [
        (part @ coded.T >= fewest[:, None]).sum(1)
        for part, fewest in zip(coded.split(piece), least.split(piece), strict=True)
    ]
    return torch.cat(counts)
