"""Accuracy that counts an answer among the first five.

It is high from the start, and says little of whether the model is right.
"""

from __future__ import annotations

import numpy as np
import torch
from exhibits import TEXT, small
from numpy.typing import NDArray
from torch import Tensor, nn

from seqlab.experiment import Experiment
from seqlab.tasks.text import PreparedText, Text

CAUGHT_BY = "metric_self_test"
SAYS = r"accuracy of a model that ranks the right symbol second is 9\d\.\d%: it counts an answer among the first few"


class FirstFive(Text):
    def prepare(self) -> PreparedText:
        return Prepared(self)


class Prepared(PreparedText):
    def _score(self, model: nn.Module, rows: Tensor, scored: Tensor) -> NDArray[np.float64]:
        totals = super()._score(model, rows, scored)
        with torch.no_grad():
            best = model(rows[:, :-1])[scored].topk(5, -1).indices
        totals[1] = float((best == rows[:, 1:][scored][:, None]).any(-1).sum())
        return totals


def healthy() -> Experiment:
    return small()


def faulty() -> Experiment:
    return small(task=FirstFive(path=str(TEXT), length=32))
