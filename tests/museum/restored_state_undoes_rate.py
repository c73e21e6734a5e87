"""A restored optimiser state brings its old learning rate along, so a new one never takes effect (Hyena notebook).

`optimizer.lr=...` was given together with `train.ckpt=...`, and the restored state put the old rate back. The entry
reads: "smaller learning rate(0.0001), no effects".
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from exhibits import small

from seqlab.experiment import Experiment
from seqlab.optim.optimisers import Group, Optimiser

CAUGHT_BY = "optimiser_state"
SAYS = r"undoes a new learning rate"


class Heavy(Optimiser):
    def build(self, groups: list[Group]) -> torch.optim.Optimizer:
        return HeavyBall(groups, {})


class HeavyBall(torch.optim.Optimizer):
    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        for group in self.param_groups:
            for p in (p for p in group["params"] if p.grad is not None):
                state = self.state[p]
                if not state:
                    state["momentum"], state["rate"] = torch.zeros_like(p), torch.tensor(float(group["lr"]))
                state["momentum"].mul_(0.9).add_(p.grad)
                p.sub_(state["rate"] * state["momentum"])


def healthy() -> Experiment:
    return small()


def faulty() -> Experiment:
    return replace(small(), optim=Heavy())
