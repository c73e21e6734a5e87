"""Neighbours by their definition: every two sequences are compared."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

__all__ = ["neighbours_reference"]


def neighbours_reference(letters: Int[Tensor, "s l"], least: Int[Tensor, " s"], gap: int) -> Int[Tensor, " s"]:
    """For each sequence n the number of m, n itself included, with at least `least_n` columns of the same letter; at
    the letter `gap` nothing is the same."""
    same = [((row == letters) & (letters != gap)).sum(1) >= fewest for row, fewest in zip(letters, least, strict=True)]
    return torch.stack(same).sum(1)
