"""Evaluations, one a file: fixed questions to any language model, and what a Potts model is judged by."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import nn

from seqlab.couplings.family import Known
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

    identity: float | None = Field(default=None, ge=0, le=1)
    """Sequences this alike share their weight in what is compared with drawn ones; 0: each counts one; none: as in the
    fit, and where there was none each counts one."""
    focus: str | None = None
    """For a file of couplings, whose sequences `--file` gives: keep the columns where this one has a letter."""
    structure: str | None = None
    """The same: FILE[#CHAIN[:FIRST-LAST]], as for `seqlab fit`. Of a run of `seqlab fit`: whose contacts are told, of
    the columns that the fit kept and that have a residue in it."""

    @abstractmethod
    def judge(self, model: Pairwise, known: Known) -> Answers:
        """Judge a model by its family."""


class Examination(Evaluation):
    """The spec of an evaluation of language models."""

    file: str = Field(min_length=1)
    """The file of the questions."""

    @abstractmethod
    def ask(self, model: nn.Module, symbols: Symbols) -> Answers:
        """Ask a causal language model, tokens (B, L) -> logits (B, L, V), whose first ids are those of `symbols`.

        Raises DataError in one sentence for a file that is missing, malformed, or too long for the model.
        """
