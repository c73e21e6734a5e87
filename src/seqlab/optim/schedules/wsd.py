"""Warm-up, stable, decay (MiniCPM, arXiv 2404.06395; 1 - sqrt: Hägele et al., arXiv 2405.18392)."""

from __future__ import annotations

import math
from typing import Literal

from seqlab.optim.schedules import Memory, Schedule, fraction_of
from seqlab.spec import Field

__all__ = ["WSD"]


class WSD(Schedule):
    """t < W: base * t / W; then base; over the last D steps p = (t - (T - D)) / D and base * (r + (1 - r) f(p)).

    f is 1 - p or 1 - sqrt(p), r = min_ratio. D takes at most the T - W steps that the warm-up leaves.
    """

    decay: float = Field(default=0.2, ge=0, le=1)
    """The decay, as a fraction of the horizon (rounded down to whole steps)."""
    decay_steps: int | None = Field(default=None, ge=0)
    """The decay in steps, in place of `decay`; None: use the fraction."""
    shape: Literal["linear", "one_minus_sqrt"] = "one_minus_sqrt"
    """How the rate falls; 1 - sqrt(p) ended lower than linear in arXiv 2405.18392."""
    min_ratio: float = Field(default=0.0, ge=0, le=1)
    """The last rate, as a fraction of base."""

    def lr(self, base: float, step: int, steps: int, memory: Memory) -> float:
        horizon = self.horizon(steps)
        wanted = fraction_of(horizon, self.decay) if self.decay_steps is None else self.decay_steps
        length = min(wanted, horizon - self.warmup_length(steps))
        begin = horizon - length
        if step < begin or length == 0:
            return base * self.warmed(step, steps)
        progress = min((step - begin) / length, 1.0)
        falling = 1 - (progress if self.shape == "linear" else math.sqrt(progress))
        return base * (self.min_ratio + (1 - self.min_ratio) * falling)
