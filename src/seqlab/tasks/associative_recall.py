"""Associative recall: the value that stood behind a key."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqlab.data import recall
from seqlab.data.signature import Signature
from seqlab.spec import Field
from seqlab.tasks import Task
from seqlab.tasks.shared.recall import SUBSET_ROWS, PreparedRecall

__all__ = ["AssociativeRecall", "PreparedAssociativeRecall"]


class AssociativeRecall(Task):
    """Pairs of a key and its value, which is another one in every row; at the end "=>" and a key, whose value is asked.

    The task of arXiv 2212.14052 and 2302.10866 as HazyResearch/safari has it, at any length: Hyena's authors go to
    131,072 symbols with a vocabulary of 30.
    """

    vocabulary: int = Field(default=20, ge=6)
    """Number of symbols: ".", which does not occur, the numerals, of which the first half are keys, and "=>"."""
    length: int = Field(default=40, ge=2, multiple_of=2)
    """Symbols of the pairs, before the question."""
    every_symbol: bool = True
    """Train on every next symbol, as safari does; else on the answer alone."""
    training: int = Field(default=5000, ge=1)
    """Training rows."""
    validation: int = Field(default=500, ge=1)
    """Held-out rows."""
    seed: int = Field(default=0, ge=0)
    """Of the rows; the experiment's seed decides the order in which they are read."""

    def foretold(self) -> Signature:
        return Signature(vocabulary=self.vocabulary, length=self.length + 2)

    def prepare(self) -> PreparedAssociativeRecall:
        return PreparedAssociativeRecall(self)


class PreparedAssociativeRecall(PreparedRecall):
    """The rows; their difficulty is the distance between the question and the last place of its key."""

    difficulty = "distance"
    spec: AssociativeRecall

    def __init__(self, spec: AssociativeRecall) -> None:
        self.spec = spec
        super().__init__(spec, spec.foretold().length, every_symbol=spec.every_symbol)

    def draw(self, random: np.random.Generator) -> recall.Recall:
        return recall.associative(random, self.spec.vocabulary, self.spec.length)

    def guesses(self) -> float:
        return len(recall.key_and_value_ranges(self.spec.vocabulary)[1])

    def floors(self) -> dict[str, Any]:
        """Also the value that is most frequent in the row, whatever the key."""
        rows = list(self._held_out(SUBSET_ROWS))
        right = [np.bincount(row.inputs[1:-2:2]).argmax() == row.targets[-1] for row in rows]
        return {**super().floors(), "row_majority": {"accuracy": float(np.mean(right))}}
