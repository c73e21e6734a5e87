"""Mean-field DCA: couplings are the negative inverse of the covariance (arXiv 1110.5091)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from seqlab.couplings.descent import Point
from seqlab.couplings.fits import DirectFit, Fitted, nobody
from seqlab.couplings.mean_field import mean_field
from seqlab.couplings.pairwise import Array, Pairwise
from seqlab.spec import Field

__all__ = ["MeanField"]


class MeanField(DirectFit):
    """One inversion; contacts in seconds, sequences drawn from it are poor."""

    pseudocount: float = Field(default=0.5, gt=0, le=1)
    """The share of uniform frequencies that is mixed in."""

    def fit(
        self, letters: NDArray[np.uint8], size: int, weights: Array, told: Callable[[Point], None] = nobody
    ) -> Fitted:
        fields, couplings = mean_field(letters, size, weights, self.pseudocount)
        i, j = np.triu_indices(len(fields), 1)
        return Fitted(Pairwise(fields, couplings[i, :, j], "joint", np.arange(len(fields))), {})

    def needed_bytes(self, length: int, size: int) -> int:
        return 6 * 8 * (length * size) ** 2
