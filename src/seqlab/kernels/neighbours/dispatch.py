"""Which count of neighbours runs: the C++ one on a CPU where it could be compiled, else products of matrices."""

from __future__ import annotations

from jaxtyping import Int
from torch import Tensor

from seqlab.kernels.neighbours.fast import neighbours_products
from seqlab.kernels.neighbours.native import MOST, NATIVE, neighbours_native
from seqlab.kernels.shapes import fitting
from seqlab.kernels.taken import take

__all__ = ["neighbours"]


@fitting
def neighbours(letters: Int[Tensor, "s l"], least: Int[Tensor, " s"], gap: int) -> Int[Tensor, " s"]:
    """For each sequence n the number of m, n itself included, with at least `least_n` columns of the same letter.

    letters: whole numbers from 0. At the letter `gap` nothing is the same; -1: every letter counts.
    """
    if letters.device.type == "cpu" and letters.numel() and int(letters.max()) <= MOST and NATIVE.usable():
        take("neighbours", "native")
        return neighbours_native(letters, least, gap)
    take("neighbours", "products")
    return neighbours_products(letters, least, gap)
