"""Ways to fit a pairwise model to one alignment, one a file, all under the contract written here."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from seqlab.couplings.descent import Point
from seqlab.couplings.pairwise import Array, Law, Pairwise
from seqlab.couplings.room import must_fit
from seqlab.couplings.weights import Likeness, sequence_weights
from seqlab.spec import Field, Part

__all__ = ["DirectFit", "Fitted", "nobody"]


@dataclass(frozen=True)
class Fitted:
    """A model, and how far its fit came."""

    model: Pairwise
    readout: Mapping[str, float | bool]
    """What tells whether it is at its optimum, by name; empty where the fit is a formula."""


def nobody(point: Point) -> None:
    """Who does not want to be told."""


class DirectFit(Part, kind="couplings/fits"):
    """How a pairwise model is fitted to one alignment."""

    law: ClassVar[Law] = "joint"
    """Of the model."""
    identity: float = Field(default=0.8, ge=0, le=1)
    """Sequences this alike share their weight; 0: each counts one."""
    likeness: Likeness = "at_least"
    """at_least: identical in that share of all columns, equal gaps counted (plmc); more_than; or letters: in that share
    of the columns where the sequence itself has a letter, gaps never counted as equal."""

    def weights(self, letters: NDArray[np.uint8], gap: int) -> Array:
        """(N,), their sum the effective number of sequences."""
        if self.identity == 0:
            return np.ones(len(letters))
        return sequence_weights(letters, self.identity, self.likeness, gap)

    @abstractmethod
    def fit(
        self, letters: NDArray[np.uint8], size: int, weights: Array, told: Callable[[Point], None] = nobody
    ) -> Fitted:
        """Fit letters (N, L), 0 to size - 1, the last the gap. told: called after each step. Raises ValueError for what
        cannot be fitted."""

    @abstractmethod
    def needed_bytes(self, length: int, size: int) -> int:
        """The memory that a fit of so many columns and letters takes, alignment and program left out."""

    def must_fit(self, length: int, size: int) -> None:
        """Raise DataError where the fit needs more memory than there is."""
        advice = "keep fewer columns (`--focus`, `--structure`, `--column-gaps`)"
        must_fit(self.needed_bytes(length, size), length, size, advice)
