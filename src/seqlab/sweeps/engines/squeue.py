"""Slurm's queue, asked by its own commands."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from seqlab.sweeps.engines.jobs import Ticket
from seqlab.sweeps.errors import ExecutorError

__all__ = ["ENGINE", "Job", "ask_to_end", "cancel", "jobs"]

ENGINE = "slurm"
PATIENCE = 60.0
"""Seconds within which Slurm has to answer."""
FORMAT = "%i|%j|%K|%T|%P|%r"
ENDED = ("COMPLETED", "CANCELLED", "FAILED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY", "BOOT_FAIL", "DEADLINE")
"""States that a job does not leave; Slurm lists such a job for some minutes more. A pre-empted one may come again."""


@dataclass(frozen=True)
class Job:
    """A job of an array as Slurm lists it."""

    id: str
    ticket: Ticket
    state: str
    partition: str
    reason: str
    """Why it waits."""
    place: int | None = None
    """Its place among the waiting jobs of its partition, from 1; None where it does not wait."""
    of: int = 0
    """How many jobs wait there."""

    @property
    def has_ended(self) -> bool:
        """Whether it will not run again."""
        return self.state in ENDED

    @property
    def is_waiting(self) -> bool:
        """Whether it has yet to be started, for the first time or again."""
        return self.place is not None

    def told(self) -> str:
        """Its place in the queue, and why it waits."""
        return f"{self.place} of {self.of} in {self.partition} ({self.reason})"


def jobs(patience: float = PATIENCE) -> dict[Ticket, Job]:
    """Every job of the cluster by its array's name and its index there.

    Raises ExecutorError when Slurm does not answer, within so many seconds.
    """
    text = _asked("squeue", "-h", "-r", "-t", "all", "-S", "-p,i", "-o", FORMAT, patience=patience)
    rows = [line.split("|", 5) for line in text.splitlines()]
    waiting = Counter(row[4] for row in rows if row[3] == "PENDING")
    passed: Counter[str] = Counter()
    found = {}
    for id, name, index, state, partition, reason in rows:
        ticket = Ticket(name, int(index) if index.isdecimal() else 0)
        passed[partition] += state == "PENDING"
        place = passed[partition] if state == "PENDING" else None
        found[ticket] = Job(id, ticket, state, partition, reason, place, waiting[partition])
    return found


def cancel(ids: Iterable[str]) -> None:
    """Take jobs out of the queue. Raises ExecutorError when Slurm does not answer."""
    _signalled(ids)


def ask_to_end(ids: Iterable[str]) -> None:
    """Send SIGTERM to all that runs in jobs, and leave the jobs themselves. Raises ExecutorError as above."""
    _signalled(ids, "--signal=TERM")


def _signalled(ids: Iterable[str], *options: str) -> None:
    if wanted := list(ids):
        _asked("scancel", *options, *wanted)


def _asked(*command: str, patience: float = PATIENCE) -> str:
    again = "its jobs and the record stay as they are; try again later"
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=patience)
    except FileNotFoundError:
        raise ExecutorError(f"there is no `{command[0]}` on this machine; log in where Slurm's commands are") from None
    except subprocess.TimeoutExpired:
        raise ExecutorError(f"Slurm has not answered `{command[0]}` within {patience:g} s; {again}") from None
    if done.returncode != 0:
        told = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
        raise ExecutorError(f"Slurm did not answer `{command[0]}` ({told}); {again}")
    return done.stdout
