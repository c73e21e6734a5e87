"""Stopping a sweep, or a run that it asks for: nothing more is claimed while the request stands."""

from __future__ import annotations

from contextlib import suppress

from seqlab.journal import JournalError, LabBook, Run, clock
from seqlab.journal.files import replace_json
from seqlab.sweeps.queue import Queue, Standing
from seqlab.sweeps.record import Sweep

__all__ = ["ask_runs_to_stop", "is_stopping", "let_go_on", "request_stop", "stop_queued"]


def request_stop(sweep: Sweep) -> None:
    """Ask everyone who works at a sweep to save what they have and end."""
    replace_json(sweep.stop_file, {"time": clock.now()})


def is_stopping(sweep: Sweep) -> bool:
    """Whether somebody has asked for that."""
    return sweep.stop_file.exists()


def let_go_on(sweep: Sweep) -> None:
    """Take the request back."""
    sweep.stop_file.unlink(missing_ok=True)


def ask_runs_to_stop(sweep: Sweep) -> int:
    """Ask every run that is training to save and end; returns how many trials somebody still works at."""
    held = [one for one in Queue(sweep).standings().values() if one.is_held and not one.is_free]
    for standing in held:
        if standing.run is not None:
            with suppress(JournalError):  # it has not begun, or has just ended
                sweep.book.open(standing.run).request_stop()
    return len(held)


def stop_queued(book: LabBook, run: Run) -> bool:
    """Take a run that waits in the queue of a sweep out of it; False where it is no such run."""
    asked = run.origin.get("sweep")
    if asked is None or run.state().name != "queued":
        return False
    sweep = Sweep.open(book, asked["name"])
    trial, queue = sweep.trials()[asked["trial"]], Queue(sweep)
    if queue.standings().get(trial.id, Standing()).is_held_here:
        return False
    queue.ended(trial, "stopped", "it was stopped before it began")
    return True
