"""The command that every back end ends in: `python -m seqlab.train.worker runs/<name> [--deadline SECONDS]`.

It starts a queued run or goes on with one, in this process; under torchrun, together with the others. Exit codes:
0 finished or stopped by request, 1 failed or diverged, 75 preempted or timed out: saved, and to be started again.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from seqlab.audits import AuditFailed
from seqlab.audits.shared.gate import Auditor
from seqlab.data import DataError
from seqlab.journal import JournalError, LabBook
from seqlab.journal.state import exit_code
from seqlab.spec import SpecError
from seqlab.train.checkpoint import CheckpointError
from seqlab.train.distributed import PartnerLost, joined, partners_told
from seqlab.train.forecast import TooLarge
from seqlab.train.load import experiment_of
from seqlab.train.start import resume
from seqlab.train.watch import Watch

__all__ = ["MISTAKES", "Lines", "main"]

MISTAKES = (JournalError, SpecError, DataError, CheckpointError, TooLarge, AuditFailed, PartnerLost)
"""Errors that say in one sentence what is wrong and what to do."""


class Lines(Watch):
    """Messages as plain lines, flushed at once, for a log file."""

    def message(self, text: str) -> None:
        print(text, flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Train the run in a folder; returns the exit code. A deadline counts from the start of this call."""
    parser = argparse.ArgumentParser(prog="python -m seqlab.train.worker", description="Start or resume a run.")
    parser.add_argument("run", type=Path, help="the run's folder")
    parser.add_argument("--deadline", type=float, metavar="SECONDS", help="save and end after so many seconds")
    options = parser.parse_args(arguments)
    deadline = time.time() + options.deadline if options.deadline is not None else None
    try:
        run = LabBook(options.run.parent).open(options.run.name)
        with joined(experiment_of(run).distribution.patience_minutes) as world, partners_told(world):
            _, state = resume(run, Lines() if world.is_first else Watch(), deadline, Auditor(), world)
    except MISTAKES as error:
        print(error, file=sys.stderr)
        return 1
    return exit_code(state)


if __name__ == "__main__":
    sys.exit(main())
