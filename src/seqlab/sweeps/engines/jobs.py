"""The jobs that were submitted to an engine's own queue for a sweep: `runs/.sweeps/NAME/jobs.jsonl`.

A line is written before its array is submitted, with a name that no other array has. Whoever comes later, though the
launcher is gone, finds the jobs by that name, and none is ever submitted twice.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from seqlab.journal import clock
from seqlab.journal.files import append_record
from seqlab.journal.lines import read_lines
from seqlab.sweeps.record import Sweep, Trial

__all__ = ["Ticket", "jobs_file", "note_array", "tickets"]


@dataclass(frozen=True)
class Ticket:
    """Where a trial stands in what was submitted."""

    array: str
    """The name of the array of jobs."""
    index: int
    """Which of its jobs."""


def jobs_file(sweep: Sweep) -> Path:
    """Where the arrays are written down."""
    return sweep.folder / "jobs.jsonl"


def note_array(sweep: Sweep, engine: str, trials: Sequence[Trial]) -> str:
    """Write down that these trials are about to be submitted as one array; returns the array's name."""
    name = f"seqlab-{sweep.name}-{os.urandom(4).hex()}"
    line = {"time": clock.now(), "engine": engine, "array": name, "trials": [trial.id for trial in trials]}
    append_record(jobs_file(sweep), line)
    return name


def tickets(sweep: Sweep, engine: str) -> dict[str, Ticket]:
    """Trial -> its newest ticket with an engine."""
    lines = (line for line in read_lines(jobs_file(sweep)).records if line["engine"] == engine)
    return {trial: Ticket(line["array"], index) for line in lines for index, trial in enumerate(line["trials"])}
