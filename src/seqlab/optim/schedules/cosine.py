"""Linear warm-up and half a cosine, Hugging Face's convention (`get_cosine_schedule_with_warmup`)."""

from __future__ import annotations

import math

from seqlab.optim.schedules import Memory, Schedule
from seqlab.spec import Field

__all__ = ["Cosine"]


class Cosine(Schedule):
    """t < W: base * t / W; then base * (r + (1 - r) / 2 * (1 + cos(pi (t - W) / (T - W)))), r = min_ratio.

    The cosine begins where the warm-up ends. With W > 0 the first update has rate 0, as published. At T and beyond
    the rate stays at base * min_ratio (Hugging Face's would rise again).
    """

    min_ratio: float = Field(default=0.0, ge=0, le=1)
    """The last rate, as a fraction of base."""

    def lr(self, base: float, step: int, steps: int, memory: Memory) -> float:
        horizon, warmup = self.horizon(steps), self.warmup_length(steps)
        if step < warmup:
            return base * self.warmed(step, steps)
        progress = min((step - warmup) / (horizon - warmup), 1.0)
        return base * (self.min_ratio + (1 - self.min_ratio) * 0.5 * (1 + math.cos(math.pi * progress)))
