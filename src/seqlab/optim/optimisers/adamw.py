"""AdamW: Adam with decoupled weight decay (Loshchilov and Hutter, arXiv 1711.05101)."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from seqlab.optim.fused import FusedStep, State, adam
from seqlab.optim.optimisers import Beta, Group, Optimiser, can_fuse
from seqlab.spec import Field

__all__ = ["AdamW"]


class AdamW(Optimiser):
    """w <- (1 - lr * weight_decay) w - lr * m / (sqrt(v) + eps), with torch's bias corrections of m and v."""

    elementwise: ClassVar[bool] = True

    weight_decay: float = Field(default=0.01, ge=0)
    """Decoupled weight decay; each step takes away lr * weight_decay of the weight, so the schedule scales it too."""
    betas: tuple[Beta, Beta] = (0.9, 0.999)
    """Decay per step of the mean gradient m and of the mean squared gradient v. GPT-3 and Hyena: 0.9, 0.95-0.98."""
    eps: float = Field(default=1e-8, gt=0)
    """Added to sqrt(v)."""

    def build(self, groups: list[Group]) -> torch.optim.Optimizer:
        return torch.optim.AdamW(groups, lr=self.lr, betas=self.betas, eps=self.eps, fused=can_fuse(groups))

    def fused_step(self, group: Group, parameters: list[Tensor], state: State) -> FusedStep | None:
        return adam(torch._fused_adamw_, group, parameters, state) if group["fused"] else None
