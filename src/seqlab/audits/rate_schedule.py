"""Does the learning rate go where it should? A warm-up longer than the run, or a decay that ends at its start, trains
nothing and raises no error."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import ClassVar

from seqlab.audits import Audit, Finding, Stage, failed, not_applicable, passed, warned
from seqlab.audits.shared.subject import Subject
from seqlab.spec import Field, label
from seqlab.train.training import Training

__all__ = ["RateSchedule"]

ASKED = 200
"""Steps, evenly spread, at which a schedule is asked."""
TRIAL = 20
"""A budget of fewer steps is a trial, which need not see the whole of a schedule."""
BEYOND = 10
"""So many budgets far, and at least LONG steps, a rate that still rises is looked for."""
LONG = 10_000


class RateSchedule(Audit):
    """The learning rate is a function of the step; in the run it rises to its peak and is not 0 for most of it."""

    idle: float = Field(default=0.5, gt=0, le=1)
    """Share of the run from which on a rate of 0 is a failure."""
    risen: float = Field(default=0.1, ge=0, lt=1)
    """Least share of the schedule's peak that the run reaches without a warning."""

    stages: ClassVar[tuple[Stage, ...]] = ("before",)
    depends_on: ClassVar[tuple[str, ...]] = ("schedule", "optim", "budget", "batch", "task")

    def examine(self, subject: Subject) -> Finding:
        t, name = subject.training, label(type(subject.experiment.schedule))
        if t.experiment.schedule.needs_horizon() and not t.steps:
            return not_applicable("only the clock ends the run")
        steps = _spread(t.steps or LONG)
        found, again = _rates(t, steps), _rates(t, steps)
        if found != again:
            return failed(f"{name} gives another rate each time it is asked: it reads a clock, or draws.")
        if wrong := [step for step, rate in zip(steps, found, strict=True) if not 0 <= rate < math.inf]:
            return failed(f"{name} gives no rate at step {wrong[0]:,}: it must be finite, and not below 0.")
        return self._judge(t, name, steps, found)

    def _judge(self, t: Training, name: str, steps: list[int], found: list[float]) -> Finding:
        zero, peak = found.count(0.0) / len(found), max(found)
        measured = {"zero": zero, "limit": self.idle, "peak": peak}
        if (t.steps or LONG) < TRIAL:
            return passed("the run is too short for a schedule to show", **measured)
        if zero >= self.idle:
            last = max((step for step, rate in zip(steps, found, strict=True) if rate), default=0)
            return failed(
                f"the rate of {name} is 0 in {zero:.0%} of the run (the last other one at step {last:,}), where "
                "nothing is trained: its length is not that of the budget.",
                **measured,
            )
        later = peak
        with suppress(Exception):  # nobody asks a schedule for what comes after its end
            later = max(_rates(t, _spread(max(BEYOND * (t.steps or 0), LONG))))
        if peak < self.risen * later:
            return warned(
                f"the run ends within the warm-up of {name}: its largest rate is {peak / later:.1%} of what the "
                "schedule rises to after it.",
                **{"risen": peak / later, **measured, "limit": self.risen},
            )
        return passed("the rate is a function of the step, and rises to its peak within the run", **measured)


def _spread(total: int) -> list[int]:
    return sorted({round(index * (total - 1) / ASKED) for index in range(ASKED + 1)})


def _rates(t: Training, steps: list[int]) -> list[float]:
    """What the schedule makes of a base rate of 1."""
    return [t.experiment.schedule.lr(1.0, step, t.steps or 0, t.schedule_memory) for step in steps]
