"""Evaluations: fixed questions to any language model, one set a file; a run of any task can be asked them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from torch import nn

from seqlab.data.symbols import Symbols
from seqlab.spec import Field, Part

__all__ = ["Answers", "Examination"]


@dataclass(frozen=True)
class Answers:
    """What a model reached."""

    measured: Mapping[str, float]
    """The numbers by name."""
    fingerprints: Mapping[str, str]
    """SHA-256 of each file that the questions come from, by its name."""
    remarks: tuple[str, ...] = ()
    """What a reader of the numbers must know."""


class Examination(Part, kind="evaluations"):
    """The spec of an evaluation."""

    file: str = Field(min_length=1)
    """The file of the questions."""

    @abstractmethod
    def ask(self, model: nn.Module, symbols: Symbols) -> Answers:
        """Ask a causal language model, tokens (B, L) -> logits (B, L, V), whose first ids are those of `symbols`.

        Raises DataError in one sentence for a file that is missing, malformed, or too long for the model.
        """
