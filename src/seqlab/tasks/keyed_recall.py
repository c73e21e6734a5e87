"""Keyed recall: some keys always have the same value, others one of their own in each row."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqlab.data import recall
from seqlab.data.signature import Signature
from seqlab.data.streams import numpy_stream
from seqlab.spec import Field
from seqlab.tasks import Task
from seqlab.tasks.shared.recall import SUBSET_ROWS, PreparedRecall

__all__ = ["KeyedRecall", "PreparedKeyedRecall"]


class KeyedRecall(Task):
    """Pairs of a key and its value; each value is asked for at its key. A fixed key's value is learned by the weights;
    a contextual key's is drawn anew in every row, and can be known from its second place on.

    The recall task of randomekek/sequence (synthetic.py): 5 keys of each kind, 10 values, 10 pairs.
    """

    fixed: int = Field(default=5, ge=0)
    """Keys whose value never changes."""
    contextual: int = Field(default=5, ge=1)
    """Keys whose value is another one in every row."""
    values: int = Field(default=10, ge=2)
    """Number of values."""
    pairs: int = Field(default=10, ge=2)
    """Pairs of a row."""
    training: int = Field(default=5000, ge=1)
    """Training rows."""
    validation: int = Field(default=500, ge=1)
    """Held-out rows."""
    seed: int = Field(default=0, ge=0)
    """Of the fixed values and the rows; the experiment's seed decides the order in which they are read."""

    @property
    def vocabulary(self) -> int:
        """Number of symbols: the keys, fixed ones first, then the values."""
        return self.fixed + self.contextual + self.values

    def foretold(self) -> Signature:
        return Signature(vocabulary=self.vocabulary, length=2 * self.pairs - 1)

    def prepare(self) -> PreparedKeyedRecall:
        return PreparedKeyedRecall(self)


KINDS = {recall.FIXED: "fixed", recall.SEEN: "contextual", recall.NEW: "new"}


class PreparedKeyedRecall(PreparedRecall):
    """The rows; what makes an answer difficult is its key: fixed, contextual, or contextual and not seen yet."""

    spec: KeyedRecall

    def __init__(self, spec: KeyedRecall) -> None:
        self.spec = spec
        self.values_of_fixed = numpy_stream(spec.seed, "recall/fixed").integers(0, spec.values, spec.fixed)
        super().__init__(spec, spec.foretold().length)

    def draw(self, random: np.random.Generator) -> recall.Recall:
        spec = self.spec
        return recall.keyed(random, self.values_of_fixed, spec.contextual, spec.values, spec.pairs)

    def guesses(self) -> float:
        return self.spec.values

    def _named(self, octave: int) -> str:
        return f"accuracy_of_{KINDS[octave]}_keys"

    def floors(self) -> dict[str, Any]:
        """Also one who knows the fixed keys and looks back at nothing, and one who knows all that can be known."""
        rows = list(self._held_out(SUBSET_ROWS))
        kinds = np.concatenate([row.difficulty[row.targets != recall.IGNORED] for row in rows])
        guess, blind = 1 / self.spec.values, float((kinds != recall.FIXED).mean())
        new = float((kinds == recall.NEW).mean())
        no_memory = {"loss": blind * float(np.log(self.spec.values)), "accuracy": 1 - blind * (1 - guess)}
        return {**super().floors(), "no_memory": no_memory, "bayes": {"accuracy": 1 - new * (1 - guess)}}
