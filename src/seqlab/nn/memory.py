"""The memory of a diagonal recurrence: one decay and one rotation for each feature (LRU, arXiv 2303.06349; DLN)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from seqlab.kernels.timed_scan.fast import elapsed
from seqlab.spec import Field, Part, SpecError

__all__ = ["Memory", "Oscillators", "forgetting"]


class Memory(Part):
    """z = size e^{i theta} for each feature. size = 1 - 1/h with h log-uniform between the horizons, theta = 2 pi / p
    with p log-uniform between the periods; both in positions. A trained size is not held below 1."""

    trained: bool = True
    """Whether size and theta are trained; otherwise they stay as they were drawn, and are saved with the weights."""
    shortest_horizon: float = Field(default=10.0, gt=1)
    """After about so many positions the fastest feature has forgotten (by 1/e)."""
    longest_horizon: float = Field(default=1000.0, gt=1)
    """After about so many positions the slowest feature has forgotten."""
    shortest_period: float = Field(default=1.0, gt=0)
    """Positions of the fastest rotation; 1 does not rotate at all."""
    longest_period: float = Field(default=1000.0, gt=0)
    """Positions of the slowest rotation."""

    def check(self) -> None:
        for what in ("horizon", "period"):
            shortest, longest = getattr(self, f"shortest_{what}"), getattr(self, f"longest_{what}")
            if shortest > longest:
                raise SpecError(f"shortest_{what} {shortest:g} is above longest_{what} {longest:g}; exchange them.")

    def build(self, *, dim: int) -> Oscillators:
        return Oscillators(self, dim)


class Oscillators(nn.Module):
    """size and theta (D,), parameters or buffers; what they give is in float32 or wider."""

    keeps_float32 = True
    keeps_init = True
    size: Tensor
    theta: Tensor

    def __init__(self, spec: Memory, dim: int) -> None:
        super().__init__()
        self.spec = spec
        for name in ("size", "theta"):
            if spec.trained:
                self.register_parameter(name, nn.Parameter(torch.empty(dim)))
            else:
                self.register_buffer(name, torch.empty(dim))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        spec = self.spec
        with torch.no_grad():
            self.size.copy_(1 - 1 / _log_uniform(self.size, spec.shortest_horizon, spec.longest_horizon))
            self.theta.copy_(2 * math.pi / _log_uniform(self.theta, spec.shortest_period, spec.longest_period))

    def param_groups(self) -> list[dict[str, Any]]:
        """No weight decay: it would shorten the memory."""
        return [{"params": list(self.parameters()), "weight_decay": 0.0}] if self.spec.trained else []

    @property
    def dtype(self) -> torch.dtype:
        """That of the states."""
        return torch.promote_types(self.size.dtype, torch.float32)

    def fresh_states(self, *leading: int) -> Tensor:
        """Zeros (..., 2, D)."""
        return self.size.new_zeros(*leading, 2, len(self.size), dtype=self.dtype)

    def decay(self) -> Tensor:
        """z as real and imaginary part: (2, D)."""
        size, theta = self.size.to(self.dtype), self.theta.to(self.dtype)
        return torch.stack([size * theta.cos(), size * theta.sin()])

    def elapsed(self, time: Tensor) -> Tensor:
        """z to the power of the time (..., D) that passes, as real and imaginary part: (..., 2, D)."""
        return elapsed(time, self.size.to(self.dtype), self.theta.to(self.dtype))


def _log_uniform(like: Tensor, low: float, high: float) -> Tensor:
    return torch.empty_like(like).uniform_(math.log(low), math.log(high)).exp()


def forgetting(decay: Tensor, starts: Tensor | None) -> Tensor:
    """decay ((B, L,) P, D) with zeros where a document begins: nothing from before is carried there."""
    return decay if starts is None else torch.where(starts[..., None, None], 0, decay)
