"""plmDCA, symmetric: the couplings of largest penalised pseudo-likelihood (arXiv 1211.1281)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from seqlab.couplings.descent import Point
from seqlab.couplings.fit import fit
from seqlab.couplings.fits import Fitted, nobody
from seqlab.couplings.fits.shared.descending import Descending
from seqlab.couplings.objective import Objective
from seqlab.couplings.pairwise import Array, Pairwise
from seqlab.spec import Field

__all__ = ["PseudoLikelihood"]


class PseudoLikelihood(Descending):
    """sum_n w_n sum_i -log P(x_ni | others) + field_penalty |h|^2 + coupling_penalty sum_{i<j} |J_ij|^2, smallest."""

    field_penalty: float = Field(default=0.01, ge=0)
    """CCMpred's and plmc's."""
    coupling_penalty: float | None = Field(default=None, ge=0)
    """None: 0.2 (L - 1), CCMpred's; one penalty for each pair, not for both its orders."""
    gaps: Literal["letter", "left_out"] = "letter"
    """left_out: a gap is no letter of the model, has no term and is coupled to nobody (plmc -g)."""

    def fit(
        self, letters: NDArray[np.uint8], size: int, weights: Array, told: Callable[[Point], None] = nobody
    ) -> Fitted:
        penalty = 0.2 * (letters.shape[1] - 1) if self.coupling_penalty is None else self.coupling_penalty
        objective = Objective(letters, self._letters(size), weights, self.field_penalty, penalty, self.dtype)
        found = fit(objective, self.iterations, self.tolerance, told)
        order = np.arange(letters.shape[1])
        return Fitted(Pairwise(found.fields, found.pairs, "joint", order), found.readout())

    def needed_bytes(self, length: int, size: int) -> int:
        return super().needed_bytes(length, self._letters(size))

    def _letters(self, size: int) -> int:
        return size if self.gaps == "letter" else size - 1
