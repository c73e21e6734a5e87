"""Nobody shifts the targets by one, so the model learns to repeat what it reads (DLN notebook, wikitext in bytes).

Its loss falls to nearly nothing within the first hundred steps, faster than that of any language model.
"""

from __future__ import annotations

from dataclasses import replace

from exhibits import TEXT, small

from seqlab.experiment import Experiment
from seqlab.tasks import Batch
from seqlab.tasks.text import PreparedText, Text

CAUGHT_BY = "target_alignment"
SAYS = r"targets are the inputs themselves"


class Unshifted(Text):
    """A text whose windows are read and predicted at the same positions."""

    def prepare(self) -> PreparedText:
        return PreparedUnshifted(self)


class PreparedUnshifted(PreparedText):
    def batch(self, seed: int, step: int, size: int, stage: int = 0) -> Batch:
        batch = super().batch(seed, step, size, stage)
        return replace(batch, tensors={"inputs": batch.tensors["inputs"], "targets": batch.tensors["inputs"]})


def healthy() -> Experiment:
    return small()


def faulty() -> Experiment:
    return small(task=Unshifted(path=str(TEXT), length=32))
