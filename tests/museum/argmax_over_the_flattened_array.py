"""Accuracy with an argmax over the flattened array (DLN notebook, 256-way characters).

Without an axis the argmax is one index for the whole array. The column showed 0.0 % in every run from August to October
2023, whatever the loss did.
"""

from __future__ import annotations

import numpy as np
import torch
from exhibits import TEXT, small
from torch import Tensor, nn
from torch.nn import functional as F

from seqlab.experiment import Experiment
from seqlab.tasks.text import PreparedText, Text

CAUGHT_BY = "metric_self_test"
SAYS = "val/accuracy is .*an argmax over the wrong axis or the flattened array"


class Flattened(Text):
    """A text that is scored by an argmax over everything."""

    def prepare(self) -> PreparedText:
        return PreparedFlattened(self)


class PreparedFlattened(PreparedText):
    def _score(self, model: nn.Module, rows: Tensor, scored: Tensor) -> np.ndarray:
        with torch.no_grad():
            logits, targets = model(rows[:, :-1])[scored].float(), rows[:, 1:][scored]
            nats = F.cross_entropy(logits, targets, reduction="none").double().sum()
            correct = (logits.argmax() == targets).sum()
        return np.array([float(nats), float(correct), float(len(targets)), float(len(targets))])


def healthy() -> Experiment:
    return small()


def faulty() -> Experiment:
    return small(task=Flattened(path=str(TEXT), length=32))
