"""A learning rate that never takes effect: the optimiser is built with a rate of its own (Hyena notebook).

"Smaller learning rate (0.0001), no effects" stood there as a finding about the model. The override was given, and not
used.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from exhibits import small

from seqlab.experiment import Experiment
from seqlab.optim.optimisers import Group
from seqlab.optim.optimisers.adamw import AdamW

CAUGHT_BY = "override_effect"
SAYS = r"`optim\.lr` has no effect"


class Tuned(AdamW):
    def build(self, groups: list[Group]) -> torch.optim.Optimizer:
        for group in groups:
            group["lr"] = group["initial_lr"] = 6e-4
        return super().build(groups)


def healthy() -> Experiment:
    return small()


def faulty() -> Experiment:
    return replace(small(), optim=Tuned(lr=1e-4))
