"""Targets that are the inputs: the shift by one was left out.

The loss falls to nothing within minutes, on training and on held-out text alike, and the samples are noise.
"""

from __future__ import annotations

from dataclasses import replace

from exhibits import TEXT, small

from seqlab.experiment import Experiment
from seqlab.tasks import Batch
from seqlab.tasks.text import PreparedText, Text

CAUGHT_BY = "target_alignment"
SAYS = "the targets are the inputs themselves"


class Unshifted(Text):
    """A text whose targets were taken from the same place."""

    def prepare(self) -> PreparedText:
        return PreparedUnshifted(self)


class PreparedUnshifted(PreparedText):
    def batch(self, seed: int, step: int, size: int, stage: int = 0) -> Batch:
        batch = super().batch(seed, step, size, stage)
        return replace(batch, tensors={**batch.tensors, "targets": batch.tensors["inputs"]})


def healthy() -> Experiment:
    return small()


def faulty() -> Experiment:
    return small(task=Unshifted(path=str(TEXT), length=32))
