"""arDCA: each site's letter given those before it, an exact likelihood (Trinquier et al., arXiv 2103.03292)."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from seqlab.couplings.descent import Point
from seqlab.couplings.fit import fit
from seqlab.couplings.fits import Fitted, nobody
from seqlab.couplings.fits.shared.descending import Descending
from seqlab.couplings.objective import Objective
from seqlab.couplings.pairwise import Array, Law, Pairwise
from seqlab.spec import Field

__all__ = ["Autoregressive"]


class Autoregressive(Descending):
    """sum_n w_n sum_i -log P(x_ni | those before) + W (field_penalty |h|^2 + coupling_penalty |J|^2), smallest, where W
    is the sum of the weights: penalties beside the mean over sequences."""

    law: ClassVar[Law] = "autoregressive"
    field_penalty: float = Field(default=1e-6, ge=0)
    """The paper's for generated sequences; for contacts it takes 1e-4."""
    coupling_penalty: float = Field(default=1e-4, ge=0)
    """The paper's for generated sequences; for contacts it takes 1e-2."""
    order: Literal["entropy", "given"] = "entropy"
    """entropy: sites from the least to the most varied, as the paper has it; given: as they stand."""

    def fit(
        self, letters: NDArray[np.uint8], size: int, weights: Array, told: Callable[[Point], None] = nobody
    ) -> Fitted:
        order = np.arange(letters.shape[1])
        if self.order == "entropy":
            order = np.argsort(entropies(letters, size, weights), kind="stable")
        total = float(weights.sum())
        penalties = total * self.field_penalty, total * self.coupling_penalty
        objective = Objective(letters[:, order], size, weights, *penalties, self.dtype, seen="before")
        found = fit(objective, self.iterations, self.tolerance, told)
        return Fitted(Pairwise(found.fields, found.pairs, self.law, order), found.readout())


def entropies(letters: NDArray[np.uint8], size: int, weights: Array) -> Array:
    """Of each column, in nats: (L,)."""
    shares = np.stack([weights @ (letters == letter) for letter in range(size)], 1) / weights.sum()
    found: Array = -(shares * np.log(np.where(shares > 0, shares, 1))).sum(1)
    return found
