"""When to log, evaluate and save: functions of the step; of the clock only where the spec asks for minutes."""

from __future__ import annotations

import time
from collections.abc import Iterable

from seqlab.train.training import Training

__all__ = ["Cadence", "is_regular", "updates_until_due"]

FIRST_CHECKPOINT_STEPS = 20
FIRST_CHECKPOINT_SECONDS = 30.0


def is_regular(t: Training) -> bool:
    """Whether a metrics line is due after the step that was counted last, whatever else happens."""
    return t.step == 1 or t.step % t.experiment.evaluation.log_every_steps == 0 or t.step == t.steps


def updates_until_due(t: Training, most: int) -> int:
    """How many updates there are until one after which a metrics line, an evaluation or a checkpoint is due by its
    step, or a task of a stream ends; at most so many."""
    logged, snapshots = t.experiment.evaluation.log_every_steps, t.experiment.snapshots
    cycles = logged, _evaluated_every(t), snapshots.every_steps, snapshots.keep_every_steps, t.steps_a_stage
    ends = [step for step in (1, FIRST_CHECKPOINT_STEPS, t.steps) if step is not None and step > t.step]
    ends += [t.step - t.step % cycle + cycle for cycle in cycles if cycle]
    return min(most, min(ends) - t.step)


def _evaluated_every(t: Training) -> int | None:
    """Steps between evaluations, ten times over the budget if nothing is said; None where they go by the clock."""
    spec = t.experiment.evaluation
    if spec.every_minutes is not None or (spec.every_steps is None and t.steps is None):
        return None
    return spec.every_steps or max(1, (t.steps or 0) // 10)


class Cadence:
    """Asked once after every step, with that step counted."""

    def __init__(self, t: Training) -> None:
        self._t = t
        self._start = self._evaluated = self._saved = time.monotonic()
        self._first_saved = t.step > 0

    def log(self, metrics: Iterable[str]) -> bool:
        """The first step, every few steps, the last, and whenever a probe measured or a method acted."""
        return is_regular(self._t) or any(not name.startswith("train/") for name in metrics)

    def evaluate(self) -> bool:
        """By steps or by minutes, and when a task of a stream ends."""
        minutes, now, every = self._t.experiment.evaluation.every_minutes, time.monotonic(), _evaluated_every(self._t)
        if every is None:
            due = self._t.world.any(now - self._evaluated >= 60 * (minutes or 1.0))
        else:
            due = self._t.step % every == 0
        due = due or self._t.ends_a_task
        if due:
            self._evaluated = now
        return due

    def save(self) -> bool:
        """By steps, by minutes, and once early, so that a run that cannot save is known within its first minute."""
        spec, now, step = self._t.experiment.snapshots, time.monotonic(), self._t.step
        early = step >= FIRST_CHECKPOINT_STEPS or now - self._start >= FIRST_CHECKPOINT_SECONDS
        first = not self._first_saved and early
        by_steps = any(every and step % every == 0 for every in (spec.every_steps, spec.keep_every_steps))
        return self._t.world.any(first or by_steps or now - self._saved >= 60 * spec.every_minutes)

    def saved(self) -> None:
        """A checkpoint was written."""
        self._first_saved, self._saved = True, time.monotonic()
