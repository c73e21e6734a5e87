"""The independent model: each column's letters as they are, no couplings; the floor of all others."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from seqlab.couplings.descent import Point
from seqlab.couplings.fits import DirectFit, Fitted, nobody
from seqlab.couplings.pairwise import Array, Pairwise
from seqlab.spec import Field

__all__ = ["Independent"]


class Independent(DirectFit):
    """h_i(a) = log of the frequency of a at i."""

    pseudocount: float = Field(default=0.5, gt=0)
    """Sequences of each letter that are added to what was counted."""

    def fit(
        self, letters: NDArray[np.uint8], size: int, weights: Array, told: Callable[[Point], None] = nobody
    ) -> Fitted:
        counts = np.stack([weights @ (letters == letter) for letter in range(size)], 1) + self.pseudocount
        length = len(counts)
        pairs = np.zeros((length * (length - 1) // 2, size, size))
        return Fitted(Pairwise(np.log(counts / counts.sum(1, keepdims=True)), pairs, "joint", np.arange(length)), {})

    def needed_bytes(self, length: int, size: int) -> int:
        return 8 * length * (length - 1) // 2 * size**2
