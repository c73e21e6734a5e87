"""A loss that is divided by the vocabulary: the mean runs over the logits' axis, too.

The first loss of a model that has learned nothing is ln V (4.17 for 65 characters; the DLN notebook began at 4.18).
Divided by the vocabulary it is 0.06, the curve falls as it should, and the learning rate is V times too small.
"""

from __future__ import annotations

from exhibits import TEXT, small
from torch import Tensor, nn

from seqlab.experiment import Experiment
from seqlab.tasks import Batch
from seqlab.tasks.text import PreparedText, Text

CAUGHT_BY = "init_loss"
SAYS = r"divided by the vocabulary \(256\)"


class Averaged(Text):
    def prepare(self) -> PreparedText:
        return PreparedAveraged(self)


class PreparedAveraged(PreparedText):
    def loss(self, model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        logits = model(batch.tensors["inputs"]).float()
        hits = nn.functional.one_hot(batch.tensors["targets"], logits.shape[-1])
        return -(hits * logits.log_softmax(-1)).mean() * batch.tensors["targets"].numel(), {}


def healthy() -> Experiment:
    return small()


def faulty() -> Experiment:
    return small(task=Averaged(path=str(TEXT), length=32))
