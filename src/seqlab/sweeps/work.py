"""One trial of a sweep carried out: its run made or gone on with, trained, and what became of it written down.

A trial that has a run which can go on is never begun anew: whoever claims it next resumes that run.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

from seqlab.audits.shared.gate import Auditor
from seqlab.experiment import Experiment
from seqlab.journal import DiskFull, Run
from seqlab.journal.errors import ReadOnly, RunBusy, RunNotFound
from seqlab.journal.lineage import by_every_name
from seqlab.sweeps.cells import experiment_of_cell
from seqlab.sweeps.queue import Queue, Standing
from seqlab.sweeps.record import Sweep, Trial
from seqlab.sweeps.select.groups import typed
from seqlab.sweeps.stopping import is_stopping
from seqlab.train.loop import train
from seqlab.train.start import Prepared, prepare, record, taken_up
from seqlab.train.torchrun import train_together
from seqlab.train.training import Training
from seqlab.train.watch import Watch
from seqlab.train.worker import MISTAKES

__all__ = ["RETURNED", "auditor_of_trials", "begun", "carry_out", "ended", "experiment_of", "recorded", "run_of"]

RETURNED = ("preempted", "timed_out")
"""States after which a trial waits for its next worker, and this one ends."""
BEGUN_ANEW = ("failed", "diverged")
"""States of a run that no going on mends: another try is another run."""


def carry_out(sweep: Sweep, trial: Trial, watch: Watch | None = None, deadline: float | None = None) -> str:
    """Train a trial that this process has claimed and write into the queue what became of it; returns that state.

    An exception of the trial itself is such a state, `failed`. Raises ReadOnly and DiskFull, which are nobody's fault
    and would meet every other trial, after the trial is handed back.
    """
    auditor, run = auditor_of_trials(), None
    try:
        run, training = begun(sweep, trial, auditor)
        if is_stopping(sweep):
            state = "stopped"
        elif training is None:
            state = "finished"
        elif training.experiment.distribution.processes > 1:
            state = train_together(run, watch, deadline)
        else:
            state = train(training, run, watch, deadline, auditor)
    except Exception as error:
        return ended(sweep, trial, run, error)
    return ended(sweep, trial, run, state)


def auditor_of_trials() -> Auditor:
    """What looks at the trials of a sweep: at a structure once."""
    return Auditor(by_structure=True)


def begun(sweep: Sweep, trial: Trial, auditor: Auditor) -> tuple[Run, Training | None]:
    """The run of a claimed trial, made where there is none, and its training in memory, None where it is finished; the
    queue knows of it. Raises what is wrong with the trial."""
    run, training = run_of(sweep, trial), None
    if run is None:
        run, prepared = _made(sweep, trial, auditor)
        training = prepared.training
        Queue(sweep).started(trial, run.name, run.id)
    else:
        Queue(sweep).started(trial, run.name, run.id)
        training = taken_up(run, auditor) if not is_stopping(sweep) else None
    return run, training


def ended(sweep: Sweep, trial: Trial, run: Run | None, outcome: str | Exception) -> str:
    """Write into the queue what became of a claimed trial: a state of its run, or what it failed of; returns the state
    of the trial. Raises ReadOnly and DiskFull, handing it back."""
    queue = Queue(sweep)
    if isinstance(outcome, DiskFull | ReadOnly):
        queue.give_back(trial, str(outcome))
        raise outcome
    if isinstance(outcome, RunBusy):
        queue.ended(trial, "running", str(outcome))
        return "running"
    if isinstance(outcome, Exception):
        queue.ended(trial, "failed", _told(outcome))
        return "failed"
    assert run is not None  # only an exception leaves a trial without
    if outcome == "stopped" and not _was_asked_to_stop(run, sweep):
        outcome = "preempted"
    if outcome in RETURNED:
        queue.give_back(trial, f"{run.name} was {outcome.replace('_', ' ')}")
    else:
        queue.ended(trial, outcome)
    return outcome


def recorded(sweep: Sweep, trial: Trial) -> Run:
    """The run of a trial, queued: made where there is none. It is audited when a worker takes it."""
    run = run_of(sweep, trial)
    return run if run is not None else _made(sweep, trial, None)[0]


def experiment_of(sweep: Sweep, trial: Trial) -> Experiment:
    """The experiment of a trial; parts from a user's file are loaded from the sweep's own copy."""
    return replace(cast(Experiment, experiment_of_cell(sweep, trial.cell)), seed=trial.seed)


def _made(sweep: Sweep, trial: Trial, auditor: Auditor | None) -> tuple[Run, Prepared]:
    prepared = prepare(experiment_of(sweep, trial), sweep.book.root)
    declared = sweep.declared_with(trial)
    run = record(
        prepared,
        name=next(name for name in _names(sweep, trial) if _is_free(sweep, name)),
        why=declared.get("why"),
        tags=declared.get("tags", ()),
        recipe=declared.get("recipe"),
        overrides=[f"{path}={typed(value)}" for path, value in {**trial.settings, "seed": trial.seed}.items()],
        sources=_recipe_file(sweep, declared),
        audits=auditor.before(prepared.training) if auditor is not None else None,
        sweep={"name": sweep.name, "cell": trial.cell, "trial": trial.id},
    )
    return run, prepared


def _recipe_file(sweep: Sweep, declared: dict[str, Any]) -> dict[str, bytes]:
    kept = declared.get("file")
    return {kept.partition("_")[2]: (sweep.folder / "source" / kept).read_bytes()} if kept else {}


def _names(sweep: Sweep, trial: Trial) -> Iterator[str]:
    """The names that the runs of a trial have, one a try: `lrs-7`, `lrs-7-2` ..."""
    name = f"{sweep.name}-{1 + list(sweep.trials()).index(trial.id)}"
    yield name
    number = 2
    while True:
        yield f"{name}-{number}"
        number += 1


def _is_free(sweep: Sweep, name: str) -> bool:
    try:
        sweep.book.open(name)
    except RunNotFound:
        return True
    return False


def run_of(sweep: Sweep, trial: Trial) -> Run | None:
    """The run with which the trial goes on; None where it needs a new one.

    Also one that somebody made for this trial and died before the queue knew of it.
    """
    known = Queue(sweep).standings().get(trial.id, Standing()).run
    found = [_found(sweep, known)] if known is not None else []
    for run in (*found, *_runs_named_for(sweep, trial)):
        if run is not None and run.state().name not in BEGUN_ANEW:
            return run
    return None


def _found(sweep: Sweep, name: str) -> Run | None:
    """The run that has or had this name."""
    try:
        return sweep.book.open(name)
    except RunNotFound:
        return by_every_name(sweep.book.everything()).get(name)


def _runs_named_for(sweep: Sweep, trial: Trial) -> Iterator[Run]:
    for name in _names(sweep, trial):
        if _is_free(sweep, name):
            return
        run = sweep.book.open(name)
        asked = run.origin.get("sweep") or {}
        if (asked.get("name"), asked.get("trial")) == (sweep.name, trial.id):
            yield run


def _was_asked_to_stop(run: Run, sweep: Sweep) -> bool:
    """Whether somebody meant this very run, and not the sweep or the process that works at it."""
    attempts = run.attempts()
    return bool(attempts) and (attempts[-1]["folder"] / "stop.json").exists() and not is_stopping(sweep)


def _told(error: Exception) -> str:
    """A mistake as its sentence; anything else with its kind, and its traceback where the worker prints."""
    if isinstance(error, MISTAKES):
        return str(error)
    traceback.print_exception(error, file=sys.stderr)
    return f"{type(error).__name__}: {error}"
