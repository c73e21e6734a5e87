"""The argmax has no axis, so it is one index into the whole array (DLN notebook: accuracy 0.0 % in every run).

It was printed beside the loss for two months and never doubted, while the loss went from 5.56 to 0.85 nats.
"""

from __future__ import annotations

import torch
from exhibits import TEXT, small
from torch import nn

from seqlab.experiment import Experiment
from seqlab.tasks.text import PreparedText, Text

CAUGHT_BY = "metric_self_test"
SAYS = r"argmax is over the flattened array"


class Flattened(Text):
    """A text with an accuracy of its own."""

    def prepare(self) -> PreparedText:
        return PreparedFlattened(self)


class PreparedFlattened(PreparedText):
    def evaluate(self, model: nn.Module, split: str, *, subset: bool = False) -> dict[str, float]:
        metrics = super().evaluate(model, split, subset=subset)
        rows = torch.as_tensor(self.encoded[split][: 20 * 33].astype("int64")).view(20, 33)
        with torch.no_grad():
            probabilities = model(rows[:, :-1]).softmax(-1)
        hits = probabilities.argmax() == rows[:, 1:]
        return {**metrics, "accuracy": float(hits.float().mean())}


def healthy() -> Experiment:
    return small()


def faulty() -> Experiment:
    return small(task=Flattened(path=str(TEXT), length=32))
