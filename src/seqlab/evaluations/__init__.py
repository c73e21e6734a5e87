"""Evaluations, one a file: fixed questions to any language model, and what a Potts model is judged by."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from torch import nn

from seqlab.couplings.pairwise import Pairwise
from seqlab.data.symbols import Symbols
from seqlab.spec import Field, Part

__all__ = ["Answers", "Evaluation", "Examination", "OfCouplings"]


@dataclass(frozen=True)
class Answers:
    """What a model reached."""

    measured: Mapping[str, float]
    """The numbers by name."""
    fingerprints: Mapping[str, str]
    """SHA-256 of each file that the questions come from, by its name."""
    remarks: tuple[str, ...] = ()
    """What a reader of the numbers must know."""
    drawings: Mapping[str, str] = field(default_factory=dict)
    """SVG by name."""


class Evaluation(Part, kind="evaluations"):
    """The spec of an evaluation."""


class OfCouplings(Evaluation):
    """The spec of an evaluation of Potts models."""

    structures: int = Field(default=4, ge=1)
    """Of each held-out split of a run that reads structures, the first ones."""

    @abstractmethod
    def judge(
        self,
        model: Pairwise,
        fitted: NDArray[np.uint8],
        held: NDArray[np.uint8],
        contacts: NDArray[np.bool_] | None,
    ) -> Answers:
        """Judge a model by sequences that it was fitted to (M, L) and others that were held out (M', L), perhaps none,
        and by the contacts of a structure (L, L)."""


class Examination(Evaluation):
    """The spec of an evaluation of language models."""

    file: str = Field(min_length=1)
    """The file of the questions."""

    @abstractmethod
    def ask(self, model: nn.Module, symbols: Symbols) -> Answers:
        """Ask a causal language model, tokens (B, L) -> logits (B, L, V), whose first ids are those of `symbols`.

        Raises DataError in one sentence for a file that is missing, malformed, or too long for the model.
        """
