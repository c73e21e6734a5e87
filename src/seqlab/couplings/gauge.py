"""The zero-sum gauge: of all fields and couplings that give the same model, those with the smallest couplings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["zero_sum"]

Array = NDArray[np.float64]


def zero_sum(fields: Array, couplings: Array) -> tuple[Array, Array]:
    """fields (L, q) and couplings (L, q, L, q) whose sums over every letter are zero; the model stays the same.

    What is taken from the couplings goes to the fields: energies of sequences change by a constant.
    """
    over_b = couplings.mean(3, keepdims=True)
    over_a = couplings.mean(1, keepdims=True)
    both = couplings.mean((1, 3), keepdims=True)
    gauged = couplings - over_b - over_a + both
    moved = fields + (over_b - both)[..., 0].sum(2)
    return moved - moved.mean(1, keepdims=True), gauged
