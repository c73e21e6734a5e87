"""Runs that wait in an engine's own queue: where they stand there, and how they are taken out of it.

Slurm's is the one such queue: Ray's tasks are their launcher's, and their runs are made when they begin.
"""

from __future__ import annotations

from collections.abc import Iterable

from seqlab.journal import LabBook, Run
from seqlab.sweeps.engines import squeue
from seqlab.sweeps.engines.jobs import Ticket, jobs_file, tickets
from seqlab.sweeps.engines.squeue import ENGINE, Job
from seqlab.sweeps.errors import ExecutorError
from seqlab.sweeps.queue import Queue
from seqlab.sweeps.record import Sweep
from seqlab.sweeps.stopping import stop_queued

__all__ = ["ask_to_stop", "cancel_waiting", "places", "take_out"]

WAITING = ("queued", "preempted", "timed_out")
"""States of a run that may wait for its job, for the first time or again."""
PATIENCE = 5.0
"""Seconds that a listing waits for Slurm."""


def places(runs: Iterable[Run]) -> dict[str, str]:
    """Run -> its place in Slurm's queue and why it waits, for those that do; why nothing is known, where Slurm is
    silent."""
    asked = [run for run in runs if run.sweep is not None and run.state().name in WAITING and _has_jobs(run)]
    if not asked:
        return {}
    try:
        found = squeue.jobs(PATIENCE)
    except ExecutorError as error:
        return {run.name: str(error) for run in asked}
    jobs = {run.name: _job(run, found) for run in asked}
    return {name: f"in Slurm's queue: {job.told()}" for name, job in jobs.items() if job is not None}


def take_out(run: Run) -> str | None:
    """Cancel the job that a run waits for, and write down that it was stopped; returns the job's id, None where the
    run waits for none. Raises ExecutorError where Slurm does not answer."""
    if run.sweep is None or run.state().name not in WAITING or not _has_jobs(run):
        return None
    job = _job(run, squeue.jobs(PATIENCE))
    if job is None:
        return None
    squeue.cancel([job.id])
    told = f"job {job.id} was taken out of Slurm's queue by `seqlab stop`"
    sweep = _sweep_of(run)
    Queue(sweep).ended(sweep.trials()[run.origin["sweep"]["trial"]], "stopped", told)
    with run.attempt() as attempt:
        attempt.finish("stopped", reason=told)
    return job.id


def ask_to_stop(book: LabBook, run: Run) -> tuple[str, bool]:
    """Ask a run to save and end, or take it out of the queue that it waits in: what was done, and whether it has still
    to end. Raises JournalError where there is nothing to stop."""
    if job := take_out(run):
        return f"{run.name} was taken out of Slurm's queue (job {job}).", False
    if stop_queued(book, run):
        return f"{run.name} was taken out of the queue of {run.sweep}.", False
    run.request_stop()
    return f"{run.name} was asked to stop.", True


def cancel_waiting(sweep: Sweep) -> None:
    """Cancel the jobs of a sweep that wait; its trials wait on, for `seqlab sweep --continue`.

    Raises ExecutorError where Slurm does not answer.
    """
    known = set(tickets(sweep, ENGINE).values())
    if known:
        squeue.cancel(job.id for job in squeue.jobs(PATIENCE).values() if job.ticket in known and job.is_waiting)


def _sweep_of(run: Run) -> Sweep:
    return Sweep(LabBook(run.folder.parent), run.origin["sweep"]["name"])


def _has_jobs(run: Run) -> bool:
    return jobs_file(_sweep_of(run)).is_file()


def _job(run: Run, found: dict[Ticket, Job]) -> Job | None:
    """The waiting job of a run."""
    ticket = tickets(_sweep_of(run), ENGINE).get(run.origin["sweep"]["trial"])
    job = found.get(ticket) if ticket is not None else None
    return job if job is not None and job.is_waiting else None
