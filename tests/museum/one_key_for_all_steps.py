"""Shrink-and-perturb reused one key for a whole epoch, so every step added the same noise (plasticity notebook, 12/24).

Such noise does not average out: it adds up in one direction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from exhibits import small
from torch import Tensor

from seqlab.experiment import Experiment
from seqlab.methods import Draws
from seqlab.methods.shrink_and_perturb import ShrinkAndPerturb

CAUGHT_BY = "random_streams"
SAYS = r"DriftingNoise changes the weights in the same way under two keys"


class DriftingNoise(ShrinkAndPerturb):
    def _noise(self, chosen: Mapping[str, Tensor], draws: Draws) -> Mapping[str, Tensor]:
        key = torch.Generator().manual_seed(len(chosen))  # split once an epoch, and handed to each of its steps
        return {path: torch.empty_like(weight).normal_(generator=key) for path, weight in chosen.items()}


def healthy() -> Experiment:
    return replace(small(), methods=(ShrinkAndPerturb(every_steps=1, every_tasks=None, shrink=0.01, scale=0.001),))


def faulty() -> Experiment:
    return replace(small(), methods=(DriftingNoise(every_steps=1, every_tasks=None, shrink=0.01, scale=0.001),))
