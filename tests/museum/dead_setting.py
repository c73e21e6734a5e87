"""A setting that nothing reads: `local_order: 3` in a Hyena recipe, a key that the operator does not have.

Unknown keys were swallowed by `**kwargs`, so whatever was written there, the model was the same; a sweep over it
would have shown noise.
"""

from __future__ import annotations

from dataclasses import replace

from exhibits import small, small_model

from seqlab.experiment import Experiment
from seqlab.mixers.attention import Attention
from seqlab.models import Block
from seqlab.spec import Field

CAUGHT_BY = "override_effect"
SAYS = r"local_order`=5 is a dead setting"


class Local(Attention):
    local_order: int = Field(default=3, ge=1)


def healthy() -> Experiment:
    return small()


def faulty() -> Experiment:
    return small(replace(small_model(), layers=(Block(mixer=Local(heads=2, local_order=5)),) * 2))
