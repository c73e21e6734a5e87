"""The validation text stands in the training text (data notebook: 96 reviews and 42 news texts twice).

Here the last tenth is held out and the first nine tenths were never cut off: training reads all of it.
"""

from __future__ import annotations

from exhibits import TEXT, small

from seqlab.experiment import Experiment
from seqlab.tasks.text import PreparedText, Text

CAUGHT_BY = "overlap"
SAYS = r"100\.0% of the val stretches .* occur in the training data.*splits overlap"


class Uncut(Text):
    """A text of which the end is held out."""

    def prepare(self) -> PreparedText:
        return PreparedUncut(self)


class PreparedUncut(PreparedText):
    def __init__(self, spec: Text) -> None:
        super().__init__(spec)
        self.encoded["train"] = self.symbols.encode(TEXT.read_bytes())


def healthy() -> Experiment:
    return small()


def faulty() -> Experiment:
    return small(task=Uncut(path=str(TEXT), length=32))
