"""A restored optimiser state that restores nothing: its keys are the parameters as objects (Potts notebook).

`optimizer.state` was saved, a dict whose keys are tensors; after loading, no key is a live parameter, and Adam starts
afresh without a word. The entries "after reloading the optimizer state" may have reloaded nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from exhibits import small

from seqlab.experiment import Experiment
from seqlab.optim.optimisers import Group
from seqlab.optim.optimisers.adamw import AdamW

CAUGHT_BY = "optimiser_state"
SAYS = r"restores nothing"


class WarmAdam(AdamW):
    def build(self, groups: list[Group]) -> torch.optim.Optimizer:
        return Warm(groups, lr=self.lr, betas=self.betas, eps=self.eps)


class Warm(torch.optim.AdamW):
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.state.update({p: kept for p, kept in state_dict["state"].items() if p in self.state})


def healthy() -> Experiment:
    return small()


def faulty() -> Experiment:
    return replace(small(), optim=WarmAdam())
