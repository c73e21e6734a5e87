"""The training loop: one page, read downwards. It knows no task, mixer, probe or method by name."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from seqlab.journal import Attempt, Run
from seqlab.journal.parting import points
from seqlab.kernels.taken import forget
from seqlab.train.auditor import Auditor
from seqlab.train.cadence import Cadence
from seqlab.train.checkpoint import latest
from seqlab.train.checks import check_processes
from seqlab.train.distributed import partners_told
from seqlab.train.environment import differences, environment
from seqlab.train.evaluate import evaluate, score_after_update, score_end_of_task
from seqlab.train.interventions import Metrics, apply_methods, begin_interventions, measure_probes
from seqlab.train.onlooker import Onlooker
from seqlab.train.recorded.choice import chosen_steps
from seqlab.train.report import Report
from seqlab.train.saving import load_weights, restore, save
from seqlab.train.shortage import memory_told
from seqlab.train.signals import Signals
from seqlab.train.training import Training, assemble
from seqlab.train.watch import Watch

__all__ = ["Course", "after_step", "conclude", "train"]


def train(
    t: Training, run: Run, watch: Watch | None = None, deadline: float | None = None, auditor: Auditor | None = None
) -> str:
    """Carry out an experiment in its run folder, from its newest usable checkpoint if it has one.

    Returns the state that was recorded: finished, or stopped, preempted or timed_out (saved, to be resumed), or
    diverged. deadline: seconds since the epoch at which to save and end. auditor: looks at what was trained when the
    budget is reached.
    """
    check_processes(t, run)
    origin = environment(t.device, t.dtype, world=t.world)
    attempted = run.attempt(origin=origin) if t.world.is_first else Onlooker(run)
    with Signals(deadline) as signals, attempted as attempt, memory_told(t), partners_told(t.world):
        course = Course.begun(t, run, attempt, watch or Watch(), signals)
        take_steps = chosen_steps(t, course.watch, attempt)
        state = ending(t, attempt, signals)
        while state is None:
            t.shares.begin_step(t.step)
            state = after_step(course, take_steps())
        conclude(course, state, auditor)
    return state


@dataclass(frozen=True)
class Course:
    """A run under way, and what looks after it from step to step."""

    t: Training
    run: Run
    attempt: Attempt
    watch: Watch
    signals: Signals
    report: Report
    cadence: Cadence

    @classmethod
    def begun(cls, t: Training, run: Run, attempt: Attempt, watch: Watch, signals: Signals) -> Course:
        """The training is put to where the run stands."""
        begin(t, run, attempt, watch)
        return cls(t, run, attempt, watch, signals, Report(t, attempt, watch, points(run.metrics)), Cadence(t))


def after_step(c: Course, metrics: Metrics) -> str | None:
    """All that follows an update, given what it reports; returns the state in which the run is to end now, if any."""
    t, state = c.t, None
    metrics |= apply_methods(t)
    metrics |= measure_probes(t, "after_update", t.step)
    if c.cadence.log(metrics):
        c.report.log(metrics | score_after_update(t))
        state = None if math.isfinite(c.report.loss) else "diverged"
    if c.cadence.evaluate() and state is None and t.step != t.steps:
        c.report.evaluation(evaluate(t, "val", subset=True))
    if state is None and (ended := score_end_of_task(t)):
        c.report.result(ended)
    state = state or ending(t, c.attempt, c.signals)
    if state != "diverged" and (state or c.cadence.save() or c.report.is_best):
        state = state if checkpoint(t, c.run, c.attempt, c.report, c.cadence) else "diverged"
    return state


def conclude(c: Course, state: str, auditor: Auditor | None) -> None:
    """Where the budget is reached, the last numbers and a look at what was trained; then the state, for the record.

    No process waits for the first one's look, which may take longer than their patience."""
    if state == "finished":
        finish(c.t, c.report)
        audit(c.t, c.run, c.attempt, c.watch, auditor)
    c.report.end(state)


def begin(t: Training, run: Run, attempt: Attempt, watch: Watch) -> None:
    """Continue from the newest usable checkpoint, or start; say what is known before the first step."""
    newest, skipped = latest(run.folder)
    for sentence in skipped:
        watch.message(sentence)
        attempt.event("checkpoint_skipped", message=sentence)
    forget()
    if t.world.size > 1:
        attempt.event("processes", members=t.world.members(), sharding=t.experiment.distribution.sharding)
    begin_interventions(t)
    t.frozen_digest, t.started = t.digest_frozen(), time.monotonic()
    if newest is not None:
        restore(t, newest)
        attempt.rewind(t.step)
        watch.message(f"{'begins' if attempt.number == 1 else 'resumed'} at step {t.step:,}")
        t.world.first_does(lambda: compare_environments(run, attempt, watch))


def compare_environments(run: Run, attempt: Attempt, watch: Watch) -> None:
    """Mark the attempt when it cannot be bit-equal to the one before."""
    origins = [record["origin"] for record in run.attempts() if record["origin"]]
    changed = differences(*origins[-2:]) if len(origins) > 1 else []
    if changed:
        attempt.event("not_bit_comparable", changed=changed)
        watch.message(f"this attempt is not bit-comparable with the last: {'; '.join(changed)}")


def alone(t: Training, run: Run) -> Training:
    """The training for one process to look at: itself, or made from the last checkpoint where it is shared out."""
    newest, _ = latest(run.folder)
    if not t.is_shared_out or newest is None:
        return t
    copy = assemble(t.experiment, t.task, t.device, t.dtype)
    load_weights(copy, newest.weights())
    copy.weights.load_average(newest.weights(averaged=True))
    copy.step, copy.tokens, copy.epoch = t.step, t.tokens, t.epoch
    return copy


def ending(t: Training, attempt: Attempt, signals: Signals) -> str | None:
    """The state to end in now, or None to go on."""
    budget = t.experiment.budget
    if t.steps is not None and t.step >= t.steps:
        return "finished"
    if budget.minutes is not None and t.training_seconds() >= 60 * budget.minutes:
        return t.world.ending("finished")
    return t.world.ending(signals.reason or ("stopped" if attempt.stop_requested() else None))


def checkpoint(t: Training, run: Run, attempt: Attempt, report: Report, cadence: Cadence) -> bool:
    """Save, unless a weight is no longer a number: every checkpoint is worth going on from. Returns whether it did."""
    if not t.is_finite():
        return False
    with t.shares.rare("checkpoint"):
        report.saved(save(t, run.folder, attempt.must_be_ours))
    cadence.saved()
    return True


def finish(t: Training, report: Report) -> None:
    """The last numbers: the whole of every held-out split, frozen parts verified, floors that take their time."""
    metrics: dict[str, float] = {}
    for split in t.task.splits():
        metrics |= evaluate(t, split)
    report.final(metrics)
    if t.digest_frozen() != t.frozen_digest:
        raise RuntimeError(f"frozen parameters changed in training ({', '.join(t.frozen)}); this is a bug in seqlab.")
    with t.shares.rare("floors"):
        slow = t.task.slow_floors() if t.world.is_first else {}
    report.floors(slow)


def audit(t: Training, run: Run, attempt: Attempt, watch: Watch, auditor: Auditor | None) -> None:
    """Look at what was trained; an alarm marks the run and changes nothing."""
    if auditor is None or not t.world.is_first:
        return
    with t.shares.rare("audits"):
        alarms = auditor.trained(alone(t, run), run)
    for sentence in alarms:
        watch.message(sentence)
    attempt.alarm(*alarms)
