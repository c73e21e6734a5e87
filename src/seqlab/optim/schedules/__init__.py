"""Learning-rate schedules, one a file, all under the contract written here.

A schedule is a pure function of the step, so resume and fork need no state of it; only `plateau` remembers, in a
plain dict that the checkpoint keeps. It never reads a clock.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from seqlab.spec import Field, Part

__all__ = ["Memory", "Schedule", "fraction_of"]

Memory = dict[str, Any]
"""What a schedule remembers of evaluations: JSON values; empty at the start of a run."""


class Schedule(Part, kind="optim/schedules"):
    """The learning rate at every step.

    Lengths are fractions of the horizon T, so that a recipe keeps its shape at any budget. The warm-up W takes at
    most T - 1 steps, so that even the shortest run has a step at the full rate and a run of one step has no warm-up.
    A horizon that is stated in `steps` does not bend to a shorter budget, which then ends early on its curve.
    """

    warmup: float = Field(default=0.0, ge=0, le=1)
    """Linear warm-up, as a fraction of the horizon (rounded down to whole steps)."""
    warmup_steps: int | None = Field(default=None, ge=0)
    """Linear warm-up in steps, in place of `warmup`; None: use the fraction."""
    steps: int | None = Field(default=None, ge=1)
    """The horizon T in steps where it is not the budget; the last rate holds beyond it. None: the budget."""

    @abstractmethod
    def lr(self, base: float, step: int, steps: int, memory: Memory) -> float:
        """The learning rate of one update, finite and >= 0.

        base: a parameter group's `initial_lr`. step: updates done before this one, so the first has 0.
        steps: the budget in updates; 0 where only the clock ends the run, which takes a schedule that needs no
        horizon. memory: what `remember` returned last.
        """

    def remember(self, memory: Memory, metrics: Mapping[str, float], step: int) -> Memory:
        """The memory after an evaluation; `memory` itself is not changed.

        metrics: the evaluation's numbers by name. step: updates done so far.
        """
        return memory

    def needs_horizon(self) -> bool:
        """Whether the rates depend on a horizon that this spec does not state itself."""
        return self.steps is None

    def watches_evaluations(self) -> bool:
        """Whether the rates depend on what `remember` was told, so that evaluations must come at fixed steps."""
        return False

    def horizon(self, steps: int) -> int:
        """T: the schedule's length in updates, given the budget."""
        return self.steps or steps

    def warmup_length(self, steps: int) -> int:
        """W: the warm-up's length in updates, given the budget."""
        horizon = self.horizon(steps)
        wanted = fraction_of(horizon, self.warmup) if self.warmup_steps is None else self.warmup_steps
        return min(wanted, horizon - 1) if horizon else wanted

    def warmed(self, step: int, steps: int) -> float:
        """The warm-up's factor: t / W below W, then 1."""
        warmup = self.warmup_length(steps)
        return step / warmup if step < warmup else 1.0


def fraction_of(steps: int, fraction: float) -> int:
    """A fraction of a number of steps in whole steps, rounded down; 0.1 of 30 is 3 in spite of binary fractions."""
    return int(steps * fraction + 1e-9)
