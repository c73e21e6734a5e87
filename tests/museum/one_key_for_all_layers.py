"""One RNG key is used for the initialisation of every layer (plasticity notebook: the key of init was the task's, too).

All layers begin with the same weights, and every seed with those of seed 0: seeds then differ in the order of the
data alone.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from exhibits import small, small_model
from torch import Tensor

from seqlab.experiment import Experiment
from seqlab.nn.inits.normal import Normal

CAUGHT_BY = "random_streams"
SAYS = r"blocks\.0\..*` and `blocks\..*` begin with the same random numbers"


class Repeatable(Normal):
    def fill(self, weight: Tensor, *, gain: float = 1.0) -> None:
        torch.manual_seed(0)  # "to be reproducible"
        super().fill(weight, gain=gain)


def healthy() -> Experiment:
    return small(replace(small_model(), init=Normal()))


def faulty() -> Experiment:
    return small(replace(small_model(), init=Repeatable()))
