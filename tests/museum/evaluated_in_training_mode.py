"""Dropout left on in evaluation: the task puts the model back into training mode (LAMBADA script, Hyena notebook).

The public script never called eval(). Its scores were those of a model with a part of its features missing, and other
ones each time.
"""

from __future__ import annotations

from exhibits import TEXT, small
from torch import nn

from seqlab.experiment import Experiment
from seqlab.tasks.text import PreparedText, Text

CAUGHT_BY = "evaluation_mode"
SAYS = "puts the model into training mode: dropout is left on"


class Careless(Text):
    """A text that is scored in training mode."""

    def prepare(self) -> PreparedText:
        return PreparedCareless(self)


class PreparedCareless(PreparedText):
    def evaluate(self, model: nn.Module, split: str, *, subset: bool = False) -> dict[str, float]:
        return super().evaluate(model.train(), split, subset=subset)


def healthy() -> Experiment:
    return small()


def faulty() -> Experiment:
    return small(task=Careless(path=str(TEXT), length=32))
