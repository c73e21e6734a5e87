"""Bits per byte that are nats: the division by ln 2 is missing, so the model looks a third better.

With characters no fixed ratio gives it away: most are one byte long, and some are two or three.
"""

from __future__ import annotations

import math

from exhibits import small
from torch import nn

from seqlab.experiment import Experiment
from seqlab.tasks.text import PreparedText, Text

CAUGHT_BY = "metric_self_test"
SAYS = r"bits_per_byte is 4\.\d+ where the loss of 4\.\d+ nats a symbol makes 6\.\d+: it is not divided by ln 2"


class NatsCalledBits(Text):
    def prepare(self) -> PreparedText:
        return Prepared(self)


class Prepared(PreparedText):
    def evaluate(self, model: nn.Module, split: str, *, subset: bool = False) -> dict[str, float]:
        metrics = super().evaluate(model, split, subset=subset)
        return metrics | {"bits_per_byte": metrics["bits_per_byte"] * math.log(2)}


def healthy() -> Experiment:
    return small(task=Text(path="card:sotu", length=32, symbols="characters"))


def faulty() -> Experiment:
    return small(task=NatsCalledBits(path="card:sotu", length=32, symbols="characters"))
