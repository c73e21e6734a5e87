"""`[:-1]` and `[1:]` cut the batch and not the time: sequence i is to predict sequence i + 1 (DLN notebook, wikitext).

The accuracy stood at 24.5 % in run after run. That is what the mean of each bit reaches, without reading anything.
"""

from __future__ import annotations

from dataclasses import replace

from exhibits import TEXT, small

from seqlab.experiment import Experiment
from seqlab.tasks import Batch
from seqlab.tasks.text import PreparedText, Text

CAUGHT_BY = "target_alignment"
SAYS = r"batch axis was sliced instead of the time axis"


class Sliced(Text):
    """A text whose sequences are read whole and shifted here."""

    def prepare(self) -> PreparedText:
        return PreparedSliced(self)


class PreparedSliced(PreparedText):
    def batch(self, seed: int, step: int, size: int, stage: int = 0) -> Batch:
        sequences = super().batch(seed, step, size + 1, stage).tensors["inputs"]
        batch = super().batch(seed, step, size, stage)
        return replace(batch, tensors={"inputs": sequences[:-1], "targets": sequences[1:]})


def healthy() -> Experiment:
    return small()


def faulty() -> Experiment:
    return small(task=Sliced(path=str(TEXT), length=32))
