"""A few explicit taps: the short convolution in the place of a long one (the Conv1d of arXiv 2302.10866's ablation)."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqlab.filters import Filter, LongFilter
from seqlab.spec import Field

__all__ = ["Short", "ShortFilter"]


class Short(Filter):
    """h_l = w_l for l < taps, and 0 from there on; w is uniform within 1/sqrt(taps) at the start."""

    taps: int = Field(default=3, ge=1)
    """How many taps are learned."""
    lr: float = Field(default=1e-3, gt=0)
    """Learning rate of the taps."""
    weight_decay: float = Field(default=0.0, ge=0)
    """Weight decay of the taps."""

    def build(self, *, channels: int, length: int) -> ShortFilter:
        return ShortFilter(self, channels, length)


class ShortFilter(LongFilter):
    def __init__(self, spec: Short, channels: int, length: int) -> None:
        super().__init__()
        self.spec, self.length = spec, length
        self.weight = nn.Parameter(torch.empty(channels, spec.taps))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        bound = self.spec.taps**-0.5
        nn.init.uniform_(self.weight, -bound, bound)

    def param_groups(self) -> list[dict[str, Any]]:
        return [{"params": [self.weight], "lr": self.spec.lr, "weight_decay": self.spec.weight_decay}]

    def forward(self, length: int) -> Tensor:
        self.check_length(length)
        taps = self.weight.to(torch.promote_types(self.weight.dtype, torch.float32))
        return F.pad(taps, (0, length - self.spec.taps))  # a negative pad cuts
