"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from seqlab.optim.fused import FusedStep, State, sgd
from seqlab.optim.optimisers import Beta, Group, Optimiser, can_fuse
from seqlab.spec import Field, SpecError

__all__ = ["SGD"]


class SGD(Optimiser):
    """u <- momentum * u + g; w <- w - lr * u. Torch's convention: no dampening, so u grows to g / (1 - momentum)."""

    elementwise: ClassVar[bool] = True

    lr: float = Field(default=0.1, gt=0)
    """Learning rate at the schedule's peak, of every parameter that no module claims with a rate of its own."""
    weight_decay: float = Field(default=0.0, ge=0)
    """L2, not decoupled: weight_decay * w is added to the gradient. Without the factor 2."""
    momentum: Beta = 0.0
    """Decay per step of the summed gradient u."""
    nesterov: bool = False
    """Step along g + momentum * u in place of u."""

    def check(self) -> None:
        if self.nesterov and self.momentum == 0:
            raise SpecError("optim/optimisers/sgd: `nesterov` needs a `momentum` above 0.")

    def build(self, groups: list[Group]) -> torch.optim.Optimizer:
        return torch.optim.SGD(
            groups, lr=self.lr, momentum=self.momentum, nesterov=self.nesterov, fused=can_fuse(groups)
        )

    def fused_step(self, group: Group, parameters: list[Tensor], state: State) -> FusedStep | None:
        return sgd(group, parameters, state) if group["fused"] else None
