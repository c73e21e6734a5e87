"""What a job of Slurm does, as submitit calls it: one trial, saved and requeued when Slurm warns of its limit."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from typing import Any

from seqlab.sweeps.engines.node import Assignment, Post, told

__all__ = ["SlurmJob"]

ASKED = (signal.SIGTERM, signal.SIGUSR2)
"""Signals by which Slurm asks every process of a job to end; a worker that has not begun dies of them."""


@dataclass
class SlurmJob:
    """Picklable as it is submitted; submitit requeues the job when `checkpoint` returns what to run next."""

    assignment: Assignment
    post: Post | None = None

    def __call__(self) -> str:
        """Work at the trial until its worker has ended; returns how. A worker that was killed is followed by another,
        until the queue of the sweep says that the trial has crashed; one that Slurm has asked to end is not.

        Raises ChildProcessError where the worker itself failed.
        """
        self.post = Post(self.assignment)
        while (code := self.post.work()) < 0 and -code not in ASKED:
            print(told(self.assignment, code), flush=True)
        if code > 0 and code != os.EX_TEMPFAIL:
            raise ChildProcessError(told(self.assignment, code))
        return told(self.assignment, code) if code else "done"

    def checkpoint(self) -> Any:
        """Called in the job by the handler of SIGUSR2: the worker saves and hands the trial back."""
        from submitit.helpers import DelayedSubmission

        if self.post is not None:
            self.post.relieve()
        return DelayedSubmission(SlurmJob(self.assignment))
