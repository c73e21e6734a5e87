"""The induction head: what followed "=>" once follows it again."""

from __future__ import annotations

import numpy as np

from seqlab.data import recall
from seqlab.data.signature import Signature
from seqlab.spec import Field, SpecError
from seqlab.tasks import Task
from seqlab.tasks.shared.recall import PreparedRecall

__all__ = ["Induction", "PreparedInduction"]


class Induction(Task):
    """A row of numerals, in which "=>" stands once before a numeral; "=>" at the end asks for that numeral.

    The task of arXiv 2212.14052 as HazyResearch/safari has it. Chance is 1 / (vocabulary - 2).
    """

    vocabulary: int = Field(default=20, ge=4)
    """Number of symbols: ".", which does not occur, the numerals, and "=>"."""
    length: int = Field(default=30, ge=4)
    """Numerals before the question."""
    answer: int = Field(default=1, ge=1)
    """Symbols that follow "=>" and are asked for."""
    triggers: int = Field(default=1, ge=1)
    """Times that "=>" and the answer stand in a row, at most; half of the rows have them once."""
    every_symbol: bool = True
    """Train on every next symbol, as safari does, which only repeats can be foretold of; else on the answer alone."""
    training: int = Field(default=5000, ge=1)
    """Training rows."""
    validation: int = Field(default=500, ge=1)
    """Held-out rows."""
    seed: int = Field(default=0, ge=0)
    """Of the rows; the experiment's seed decides the order in which they are read."""

    def check(self) -> None:
        if self.length < self.answer + 2:
            raise SpecError(
                f"tasks/induction: {self.answer} symbols to ask for leave no room in `length` {self.length}; make it "
                f"at least {self.answer + 2}."
            )

    def foretold(self) -> Signature:
        return Signature(vocabulary=self.vocabulary, length=self.length + self.answer)

    def prepare(self) -> PreparedInduction:
        return PreparedInduction(self)


class PreparedInduction(PreparedRecall):
    """The rows; their difficulty is the distance between the question and the last place of the answer."""

    difficulty = "distance"
    spec: Induction

    def __init__(self, spec: Induction) -> None:
        self.spec = spec
        super().__init__(spec, spec.foretold().length, every_symbol=spec.every_symbol)

    def draw(self, random: np.random.Generator) -> recall.Recall:
        spec = self.spec
        return recall.induction(random, spec.vocabulary, spec.length, spec.answer, spec.triggers)

    def guesses(self) -> float:
        return self.spec.vocabulary - 2
