"""Linear warm-up and half a cosine, timm's convention (`CosineLRScheduler` without `warmup_prefix`)."""

from __future__ import annotations

import math

from seqlab.optim.schedules import Memory, Schedule
from seqlab.spec import Field

__all__ = ["CosineTimm"]


class CosineTimm(Schedule):
    """t < W: w + t (base - w) / W; t < T: min + (base - min) / 2 * (1 + cos(pi t / T)); then min.

    The cosine counts from step 0, not from the end of the warm-up, so the rate drops a little at W. Both lower
    rates are absolute: a parameter group whose own rate is below `min_lr` rises to it, as in timm.
    """

    warmup_lr: float = Field(default=1e-6, ge=0)
    """w: the rate of the first update, where there is a warm-up (1e-6 for Hyena on WikiText-103)."""
    min_lr: float = Field(default=0.0, ge=0)
    """min: the last rate (6e-5 for Hyena on WikiText-103 with base 6e-4)."""

    def lr(self, base: float, step: int, steps: int, memory: Memory) -> float:
        horizon, warmup = self.horizon(steps), self.warmup_length(steps)
        if step < warmup:
            return self.warmup_lr + step * (base - self.warmup_lr) / warmup
        if step >= horizon:
            return self.min_lr
        return self.min_lr + 0.5 * (base - self.min_lr) * (1 + math.cos(math.pi * step / horizon))
