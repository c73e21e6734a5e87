"""Dropout that does not know the mode: `dropout(x, p)` of a functional library, in a channel mixer.

Training looks right. Every evaluation is of another, weaker model.
"""

from __future__ import annotations

from dataclasses import replace

from exhibits import small, small_model
from torch import Tensor, nn
from torch.nn import functional as F

from seqlab.channels import Channel, ChannelMixer
from seqlab.experiment import Experiment

CAUGHT_BY = "evaluation_mode"
SAYS = r"another output each time .* layer 0 .*left on in evaluation"


class Dropping(Channel):
    """A linear with dropout."""

    always: bool = True
    """Whether it drops in evaluation mode, too."""

    def build(self, *, dim: int) -> Dropped:
        return Dropped(self, dim)


class Dropped(ChannelMixer):
    def __init__(self, spec: Dropping, dim: int) -> None:
        super().__init__()
        self.always, self.linear = spec.always, nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(self.linear(x), 0.1, training=self.always or self.training)

    def flops(self) -> float:
        return 0.0


def _with(channel: Channel) -> Experiment:
    model = small_model()
    return small(replace(model, layers=tuple(replace(block, channel=channel) for block in model.layers)))


def healthy() -> Experiment:
    return _with(Dropping(always=False))


def faulty() -> Experiment:
    return _with(Dropping())
