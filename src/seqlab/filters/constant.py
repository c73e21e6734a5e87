"""One learned value for every tap of a channel: a learned running sum of the inputs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from seqlab.filters import Filter, LongFilter
from seqlab.spec import Field

__all__ = ["Constant", "ConstantFilter"]


class Constant(Filter):
    """h_l = c; c is normal with variance 1/length at the start, so that a sum of `length` unit inputs is of size 1."""

    lr: float = Field(default=1e-3, gt=0)
    """Learning rate of c."""
    weight_decay: float = Field(default=0.0, ge=0)
    """Weight decay of c."""

    def build(self, *, channels: int, length: int) -> ConstantFilter:
        return ConstantFilter(self, channels, length)


class ConstantFilter(LongFilter):
    def __init__(self, spec: Constant, channels: int, length: int) -> None:
        super().__init__()
        self.spec, self.length = spec, length
        self.value = nn.Parameter(torch.empty(channels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.normal_(self.value, std=self.length**-0.5)

    def param_groups(self) -> list[dict[str, Any]]:
        return [{"params": [self.value], "lr": self.spec.lr, "weight_decay": self.spec.weight_decay}]

    def forward(self, length: int) -> Tensor:
        self.check_length(length)
        return self.value.to(torch.promote_types(self.value.dtype, torch.float32))[:, None].expand(-1, length)
