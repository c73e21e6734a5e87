"""The kernel of a shift state space model as a filter: a learned window over the last inputs (H3, arXiv 2212.14052)."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqlab.filters import Filter, RecurrentFilter
from seqlab.nn.remembered import Remembered
from seqlab.nn.rows import latest
from seqlab.spec import Field

__all__ = ["ShiftFilter", "ShiftKernel"]


class ShiftKernel(Filter):
    """K_l = sum_n B_n C_{n+l} for l < N, and 0 from there on: s_t = (shift by one) s_{t-1} + B u_t, y_t = C s_t.

    At the start B is the first unit vector, so that K = C, and C is uniform within 1/sqrt(N); both are trained.
    The conventions are those of HazyResearch/safari.
    """

    states: int = Field(default=64, ge=1)
    """N, the states of a channel, which are its taps too."""
    lr: float = Field(default=1e-3, gt=0)
    """Learning rate of B and C."""
    weight_decay: float = Field(default=0.0, ge=0)
    """Weight decay of B and C."""

    def build(self, *, channels: int, length: int) -> ShiftFilter:
        return ShiftFilter(self, channels, length)


class ShiftFilter(RecurrentFilter):
    """The memory is the last N - 1 inputs, the newest last: (..., channels, N - 1)."""

    def __init__(self, spec: ShiftKernel, channels: int, length: int) -> None:
        super().__init__()
        self.spec, self.length = spec, length
        self.B = nn.Parameter(torch.empty(channels, spec.states))
        self.C = nn.Parameter(torch.empty(channels, spec.states))
        self._newest_last = Remembered(self, self._reversed_taps)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        bound = self.spec.states**-0.5
        nn.init.uniform_(self.C, -bound, bound)
        with torch.no_grad():
            self.B.copy_(torch.eye(1, self.spec.states))

    def param_groups(self) -> list[dict[str, Any]]:
        return [{"params": list(self.parameters()), "lr": self.spec.lr, "weight_decay": self.spec.weight_decay}]

    def forward(self, length: int) -> Tensor:
        self.check_length(length)
        return F.pad(self.taps(length), (0, max(length - self.spec.states, 0)))

    def taps(self, length: int) -> Tensor:
        wide = torch.promote_types(self.C.dtype, torch.float32)
        shifted = F.pad(self.C.to(wide), (0, self.spec.states - 1)).unfold(1, self.spec.states, 1)  # (H, l, n)
        return torch.einsum("hln,hn->hl", shifted, self.B.to(wide))[:, :length]

    def _reversed_taps(self) -> Tensor:
        return self.taps(self.spec.states).flip(1)

    def init_memory(self, *axes: int) -> Tensor:
        wide = torch.promote_types(self.C.dtype, torch.float32)
        return self.C.new_zeros(*axes, self.C.shape[0], self.spec.states - 1, dtype=wide)

    def memory_after(self, u: Tensor, last: Tensor, seen: Tensor) -> Tensor:
        return latest(u, last, seen, self.spec.states - 1).transpose(1, 2).contiguous()

    def step(self, u_t: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        inputs = torch.cat([memory, u_t[..., None]], dim=-1)
        return (inputs * self._newest_last()).sum(-1), inputs[..., 1:].contiguous()
