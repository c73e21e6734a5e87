"""The model is never put into evaluation mode, so its dropout is scored too (Hyena notebook, the LAMBADA script).

The script called neither eval() nor no_grad(). Here the task's evaluation undoes what the loop has done.
"""

from __future__ import annotations

from dataclasses import replace

from exhibits import TEXT, small, small_model
from torch import nn

from seqlab.experiment import Experiment
from seqlab.models.lm import LM
from seqlab.tasks.text import PreparedText, Text

CAUGHT_BY = "evaluation_mode"
SAYS = r"puts the model in training mode"


class Restless(Text):
    """A text whose evaluation restores the mode that training needs."""

    def prepare(self) -> PreparedText:
        return PreparedRestless(self)


class PreparedRestless(PreparedText):
    def evaluate(self, model: nn.Module, split: str, *, subset: bool = False) -> dict[str, float]:
        model.train()
        return super().evaluate(model, split, subset=subset)


def with_dropout() -> LM:
    model = small_model()
    return replace(model, layers=tuple(replace(block, dropout=0.2) for block in model.layers))


def healthy() -> Experiment:
    return small(with_dropout())


def faulty() -> Experiment:
    return small(with_dropout(), Restless(path=str(TEXT), length=32))
