"""The batch axis sliced in place of the time axis: `[:][:-1]` and `[:][1:]` (DLN notebook, bits of WikiText, 2023).

Each sequence was paired with the next one of the batch. The "accuracy" of 24.5 % was that of the bits' own frequencies,
for weeks; after the slice was mended one string was learned to 100 %.
"""

from __future__ import annotations

from dataclasses import replace

from exhibits import TEXT, small

from seqlab.experiment import Experiment
from seqlab.tasks import Batch
from seqlab.tasks.text import PreparedText, Text

CAUGHT_BY = "target_alignment"
SAYS = "the batch axis was sliced in place of the time axis"


class Sliced(Text):
    """A text whose batches are sliced along the wrong axis."""

    def prepare(self) -> PreparedText:
        return PreparedSliced(self)


class PreparedSliced(PreparedText):
    def batch(self, seed: int, step: int, size: int, stage: int = 0) -> Batch:
        batch = super().batch(seed, step, size + 1, stage)
        rows = batch.tensors["inputs"]
        scored = size * self.spec.length
        return replace(batch, tensors={"inputs": rows[:][:-1], "targets": rows[:][1:]}, scored=scored, tokens=scored)


def healthy() -> Experiment:
    return small()


def faulty() -> Experiment:
    return small(task=Sliced(path=str(TEXT), length=32))
