"""Multi-query associative recall (MQAR): every key of the row is asked for once."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np

from seqlab.data import recall
from seqlab.data.signature import Signature
from seqlab.spec import Field, SpecError
from seqlab.tasks import Task
from seqlab.tasks.shared.recall import PreparedRecall

__all__ = ["MultiqueryRecall", "PreparedMultiqueryRecall"]


class MultiqueryRecall(Task):
    """Pairs of a key and its value, then the keys again in any order, most of them soon; at each its value is asked.

    The task of arXiv 2312.04927 as HazyResearch/zoology has it; published at lengths 64, 128, 256 and 512 with 4, 8, 16
    and 64 pairs, a vocabulary of 8192, 100,000 training rows, two layers, and the best of four learning rates.
    """

    vocabulary: int = Field(default=8192, ge=8)
    """Number of symbols; keys are those below its half."""
    length: int = Field(default=64, ge=4)
    """Symbols of a row."""
    pairs: tuple[Annotated[int, Field(ge=1)], ...] = (4,)
    """Pairs of a row; of several numbers each row has one at random."""
    power: float = Field(default=0.01, gt=0)
    """Of the law by which questions lie near the pairs: p(i) ~ i^(power - 1)."""
    noise: bool = True
    """Whether places between the questions hold any symbol; else 0."""
    training: int = Field(default=100_000, ge=1)
    """Training rows."""
    validation: int = Field(default=3000, ge=1)
    """Held-out rows."""
    seed: int = Field(default=0, ge=0)
    """Of the rows; the experiment's seed decides the order in which they are read."""

    def check(self) -> None:
        if not self.pairs:
            raise SpecError("tasks/multiquery_recall needs a number of pairs in `pairs`, such as (4,).")
        most = max(self.pairs)
        if 4 * most > self.length:
            raise SpecError(
                f"tasks/multiquery_recall: {most} pairs and as many questions with a place between them need `length` "
                f"{4 * most} at least, and it is {self.length}."
            )
        if most > self.vocabulary // 2 - 1:
            raise SpecError(
                f"tasks/multiquery_recall: {most} pairs need as many keys, and a vocabulary of {self.vocabulary} has "
                f"{self.vocabulary // 2 - 1}; make `vocabulary` larger."
            )

    def foretold(self) -> Signature:
        return Signature(vocabulary=self.vocabulary, length=self.length)

    def prepare(self) -> PreparedMultiqueryRecall:
        return PreparedMultiqueryRecall(self)


class PreparedMultiqueryRecall(PreparedRecall):
    """The rows; their difficulty is the number of pairs."""

    difficulty = "pairs"
    spec: MultiqueryRecall

    def __init__(self, spec: MultiqueryRecall) -> None:
        self.spec = spec
        super().__init__(spec, spec.length)

    def draw(self, random: np.random.Generator) -> recall.Recall:
        spec = self.spec
        pairs = int(random.choice(np.array(spec.pairs)))
        return recall.many_queries(random, spec.vocabulary, spec.length, pairs, spec.power, spec.noise)

    def guesses(self) -> float:
        return self.spec.vocabulary - self.spec.vocabulary // 2

    def floors(self) -> dict[str, Any]:
        """Also one of the row's own values at random."""
        asked = np.array(self.spec.pairs)
        loss = float((asked * np.log(asked)).sum() / asked.sum())
        return {**super().floors(), "row": {"loss": loss, "accuracy": float(len(asked) / asked.sum())}}
