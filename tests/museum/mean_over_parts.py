"""A task whose loss is a mean over the rows that it is given: in four parts the gradient is four times as large.

The other half of the Potts notebook's defect 1, any cut must give the same gradient: whoever adds up the means of the
parts trains with a rate that depends on the memory of the machine.
"""

from __future__ import annotations

from exhibits import TEXT, small
from torch import Tensor, nn

from seqlab.experiment import Experiment
from seqlab.tasks import Batch
from seqlab.tasks.text import PreparedText, Text

CAUGHT_BY = "batch_parts"
SAYS = r"mean over what it is given"


class Mean(Text):
    def prepare(self) -> PreparedText:
        return PreparedMean(self)


class PreparedMean(PreparedText):
    def loss(self, model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        total, others = super().loss(model, batch)
        return total / batch.tensors["targets"].numel() * batch.scored, others


def faulty() -> Experiment:
    return small(task=Mean(path=str(TEXT), length=32))
