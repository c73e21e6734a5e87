"""The command that every executor ends in: `python -m seqlab.sweeps.worker RUNS/.sweeps/NAME [--trial ID]`.

Without --trial it carries out free trials of the sweep, one after the other, until none is left. Exit codes: 0 nothing
is left to do, or the one trial has ended, in whatever state; 75 saved, and to be started again; 1 the worker itself
failed.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from seqlab.journal import JournalError, LabBook
from seqlab.journal.state import exit_code
from seqlab.sweeps.errors import SweepError
from seqlab.sweeps.packing import carry_out_packed, claim_alike
from seqlab.sweeps.queue import Queue, Standing
from seqlab.sweeps.record import Sweep, Trial
from seqlab.sweeps.stopping import is_stopping
from seqlab.sweeps.tether import tether
from seqlab.sweeps.work import RETURNED, carry_out, run_of
from seqlab.train.signals import Signals
from seqlab.train.worker import Lines

__all__ = ["drain", "main"]

WAIT_SECONDS = 1.0


def drain(sweep: Sweep, place: str | None = None, deadline: float | None = None, pack: int = 1) -> str | None:
    """Carry out free trials, up to `pack` at once, until none is left, or the sweep is to stop: None. Ended early by a
    signal or at the deadline (seconds since the epoch): the reason."""
    with Signals(deadline) as signals:
        while signals.reason is None and not is_stopping(sweep):
            trials = claim_alike(sweep, pack, place)
            if not trials:
                return None
            states = _carried_out(sweep, trials, deadline)
            if returned := [state for state in states if state in RETURNED]:
                return returned[0]
        return _again(signals)


def one(sweep: Sweep, trial_id: str, place: str | None, deadline: float | None) -> str | None:
    """Carry out this trial, unless it has ended, once nobody else is at it; returns as `drain` does.

    Raises SweepError for a trial that the sweep does not have.
    """
    if trial_id not in sweep.trials():
        raise SweepError(f"the sweep {sweep.name} has no trial {trial_id}; {sweep.folder}/manifest.jsonl lists them")
    with Signals(deadline) as signals:
        while _somebody_is_at(sweep, trial_id) and not (signals.reason or is_stopping(sweep)):
            time.sleep(WAIT_SECONDS)
        trial = None if signals.reason or is_stopping(sweep) else Queue(sweep).claim(trial_id, place=place)
        if trial is not None and (states := _carried_out(sweep, [trial], deadline))[0] in RETURNED:
            return states[0]
        return _again(signals)


def _somebody_is_at(sweep: Sweep, trial_id: str) -> bool:
    """Whether another process lives that has the trial: one whose node an engine has given up ends soon, or counts as
    lost when it has been silent for long."""
    standing = Queue(sweep).standings().get(trial_id, Standing())
    if not standing.is_held or standing.is_held_here:
        return standing.is_held
    run = run_of(sweep, sweep.trials()[trial_id])
    return run is not None and run.state().name == "running"


def _again(signals: Signals) -> str | None:
    """Why this process is to be started again: a Ctrl-C ends it as a pre-emption does."""
    return "preempted" if signals.reason == "stopped" else signals.reason


def _carried_out(sweep: Sweep, trials: list[Trial], deadline: float | None) -> list[str]:
    if len(trials) > 1:
        ended = carry_out_packed(sweep, trials, Lines(), deadline)
    else:
        ended = ((trial, carry_out(sweep, trial, Lines(), deadline)) for trial in trials)
    states = []
    for trial, state in ended:
        print(f"{trial.id} {state}", flush=True)
        states.append(state)
    return states


def main(arguments: list[str] | None = None) -> int:
    """Work at the sweep in a folder; returns the exit code. A deadline counts from the start of this call."""
    parser = argparse.ArgumentParser(prog="python -m seqlab.sweeps.worker", description="Carry out trials of a sweep.")
    parser.add_argument("sweep", type=Path, help="the sweep's folder")
    parser.add_argument("--trial", metavar="ID", help="this trial only")
    parser.add_argument("--deadline", type=float, metavar="SECONDS", help="save and end after so many seconds")
    parser.add_argument("--pack", type=int, default=1, metavar="N", help="train up to N at once where that is faster")
    parser.add_argument("--place", metavar="TEXT", help="where this is, for the record")
    parser.add_argument("--tether", metavar="PID", type=int, help="save and end when this process, its parent, is gone")
    options = parser.parse_args(arguments)
    deadline = time.time() + options.deadline if options.deadline is not None else None
    if options.tether is not None:
        tether(options.tether)
    folder: Path = options.sweep.absolute()
    try:
        sweep = Sweep.open(LabBook(folder.parent.parent), folder.name)
        if options.trial is not None:
            reason = one(sweep, options.trial, options.place, deadline)
        else:
            reason = drain(sweep, options.place, deadline, options.pack)
    except JournalError as error:
        print(error, file=sys.stderr)
        return 1
    return exit_code(reason) if reason is not None and not is_stopping(sweep) else 0


if __name__ == "__main__":
    sys.exit(main())
