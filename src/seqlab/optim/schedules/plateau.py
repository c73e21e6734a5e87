"""Reduce the learning rate when an evaluation's metric stops improving (torch's ReduceLROnPlateau, relative)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

from seqlab.optim.schedules import Memory, Schedule
from seqlab.spec import Field, SpecError, did_you_mean

__all__ = ["Plateau"]


class Plateau(Schedule):
    """base * factor^k, k the number of reductions so far, after an optional linear warm-up (t / W).

    A reduction comes with the evaluation that is more than `patience` evaluations later than the best one or than
    the last reduction. A metric that is not a number is no improvement.
    """

    metric: str = "val_subset/loss"
    """The name of the evaluation's metric that decides."""
    goal: Literal["min", "max"] = "min"
    """Whether a smaller or a larger metric is better."""
    factor: float = Field(default=0.1, gt=0, lt=1)
    """Factor on the rate at each reduction."""
    patience: int = Field(default=10, ge=0)
    """Evaluations without improvement that are borne."""
    threshold: float = Field(default=1e-4, ge=0)
    """The improvement that counts, as a fraction of the best value's size."""
    min_lr: float = Field(default=0.0, ge=0)
    """No reduction goes below this rate; a group whose own rate is lower keeps its own."""

    def lr(self, base: float, step: int, steps: int, memory: Memory) -> float:
        reductions: int = memory.get("reductions", 0)
        reduced = base * math.pow(self.factor, reductions)
        return self.warmed(step, steps) * max(reduced, min(self.min_lr, base))

    def remember(self, memory: Memory, metrics: Mapping[str, float], step: int) -> Memory:
        if self.metric not in metrics:
            raise SpecError(
                f"optim/schedules/plateau: the evaluation has no metric `{self.metric}`; "
                f"{did_you_mean(self.metric, metrics)}"
            )
        value, best = metrics[self.metric], memory.get("best")
        reductions, waited = memory.get("reductions", 0), memory.get("waited", 0)
        if self._improves(value, best):
            return {"best": value, "waited": 0, "reductions": reductions}
        if waited + 1 > self.patience:
            return {"best": best, "waited": 0, "reductions": reductions + 1}
        return {"best": best, "waited": waited + 1, "reductions": reductions}

    def needs_horizon(self) -> bool:
        return super().needs_horizon() and self.warmup_steps is None and self.warmup > 0

    def watches_evaluations(self) -> bool:
        return True

    def _improves(self, value: float, best: float | None) -> bool:
        if best is None:
            return not math.isnan(value)
        margin = self.threshold * abs(best)
        return value < best - margin if self.goal == "min" else value > best + margin
