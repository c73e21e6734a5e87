"""Validation text inside the training text: the split was made after shuffling a file that held everything twice.

A score on it measures how much was memorised.
"""

from __future__ import annotations

from exhibits import TEXT, small

from seqlab.experiment import Experiment
from seqlab.tasks.text import PreparedText, Text

CAUGHT_BY = "overlap"
SAYS = "validation data is inside the training data"


class Leaking(Text):
    """A text whose training part holds the held-out part."""

    def prepare(self) -> PreparedText:
        return PreparedLeaking(self)


class PreparedLeaking(PreparedText):
    def __init__(self, spec: Text) -> None:
        super().__init__(spec)
        whole = self.symbols.encode(TEXT.read_bytes())
        self.encoded = {**self.encoded, "train": whole}


def healthy() -> Experiment:
    return small()


def faulty() -> Experiment:
    return small(task=Leaking(path=str(TEXT), length=32))
