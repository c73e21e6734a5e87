"""What runs on a node of a cluster: the worker command for one trial, in a process that the engine can end.

Each engine hands a function of this folder to its own process there; the training is in the worker that it starts.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from seqlab.journal import clock
from seqlab.sweeps.slots import THREADS

__all__ = ["Assignment", "Post", "environment_here", "told"]

POLL_SECONDS = 0.2
PASSED_ON = ("PYTHONPATH", "SEQLAB_CACHE", "SEQLAB_KERNELS")


def environment_here() -> dict[str, str]:
    """What a worker elsewhere needs of this process's environment."""
    return {name: os.environ[name] for name in PASSED_ON if name in os.environ}


@dataclass(frozen=True)
class Assignment:
    """One trial of a sweep, to be carried out wherever the folder of the runs can be seen."""

    sweep: str
    """The sweep's folder."""
    trial: str
    place: str
    """For the record: on which engine."""
    threads: int
    folder: str
    """Where to work: that of the launcher."""
    environment: Mapping[str, str] = field(default_factory=environment_here)


@dataclass
class Post:
    """The worker for an assignment, on this node."""

    assignment: Assignment
    worker: subprocess.Popen[bytes] | None = None

    def work(self) -> int:
        """Run the worker to its end; returns its exit code, negative for the signal that killed it.

        Where this process is interrupted meanwhile, the worker saves, hands the trial back and ends.
        """
        self.worker = self._start()
        try:
            while self.worker.poll() is None:
                time.sleep(POLL_SECONDS)  # an engine's interrupt is heard between two lines, not in a blocking wait
        except BaseException:
            self.relieve()
            raise
        return self.worker.returncode

    def relieve(self) -> None:
        """Have the worker save and end, and wait for that. May be called by a signal's handler in the midst of `work`.

        Asked of /proc: the handler may have interrupted the very call that holds the lock of `poll`.
        """
        if self.worker is None or self.worker.returncode is not None:
            return
        while clock.process_start(self.worker.pid) is not None:
            os.kill(self.worker.pid, signal.SIGTERM)
            time.sleep(POLL_SECONDS)

    def _start(self) -> subprocess.Popen[bytes]:
        """On this node's own Python. It ends with this process, and saves before."""
        a = self.assignment
        place = f"{a.place}, {os.environ.get('SLURMD_NODENAME') or os.uname().nodename}"
        command = [sys.executable, "-m", "seqlab.sweeps.worker", a.sweep, "--trial", a.trial, "--place", place]
        with (Path(a.sweep) / "workers.log").open("ab") as log:
            return subprocess.Popen(
                [*command, "--tether", str(os.getpid())],
                cwd=a.folder,
                env={**os.environ, **a.environment, **dict.fromkeys(THREADS, str(a.threads))},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )


def told(assignment: Assignment, code: int) -> str:
    """How a worker ended, as a sentence."""
    log = Path(assignment.sweep) / "workers.log"
    if code < 0:
        return f"the worker of {assignment.trial} was killed by {signal.Signals(-code).name}"
    if code == os.EX_TEMPFAIL:
        return f"the worker of {assignment.trial} saved and handed it back"
    return f"the worker of {assignment.trial} failed (exit code {code}); {log} has what it printed"
