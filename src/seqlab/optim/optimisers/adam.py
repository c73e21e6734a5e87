"""Adam (Kingma and Ba, arXiv 1412.6980)."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from seqlab.optim.fused import FusedStep, State, adam
from seqlab.optim.optimisers import Beta, Group, Optimiser, can_fuse
from seqlab.spec import Field

__all__ = ["Adam"]


class Adam(Optimiser):
    """w <- w - lr * m / (sqrt(v) + eps), with torch's bias corrections of m and v."""

    elementwise: ClassVar[bool] = True

    weight_decay: float = Field(default=0.0, ge=0)
    """L2, not decoupled: weight_decay * w is added to the gradient and goes through m and v. Without the factor 2."""
    betas: tuple[Beta, Beta] = (0.9, 0.999)
    """Decay per step of the mean gradient m and of the mean squared gradient v."""
    eps: float = Field(default=1e-8, gt=0)
    """Added to sqrt(v). The original experiments of CL-transformers have 1e-7."""

    def build(self, groups: list[Group]) -> torch.optim.Optimizer:
        return torch.optim.Adam(groups, lr=self.lr, betas=self.betas, eps=self.eps, fused=can_fuse(groups))

    def fused_step(self, group: Group, parameters: list[Tensor], state: State) -> FusedStep | None:
        return adam(torch._fused_adam_, group, parameters, state) if group["fused"] else None
