"""A constant learning rate, after an optional linear warm-up."""

from __future__ import annotations

from seqlab.optim.schedules import Memory, Schedule

__all__ = ["Constant"]


class Constant(Schedule):
    """t < W: base * t / W, so the first update of a warm-up has rate 0, as in Hugging Face's; then base."""

    def lr(self, base: float, step: int, steps: int, memory: Memory) -> float:
        return base * self.warmed(step, steps)

    def needs_horizon(self) -> bool:
        return super().needs_horizon() and self.warmup_steps is None and self.warmup > 0
