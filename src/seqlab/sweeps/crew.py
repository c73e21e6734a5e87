"""The workers that one launcher keeps on this machine: one in each slot, until no trial waits."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

from seqlab.sweeps.errors import ExecutorError
from seqlab.sweeps.queue import Queue
from seqlab.sweeps.record import Sweep, Trial
from seqlab.sweeps.slots import Booking, Slots
from seqlab.sweeps.stopping import is_stopping
from seqlab.sweeps.watch import Following, SweepWatch
from seqlab.train.signals import Signals

__all__ = ["work_through"]

POLL_SECONDS = 0.05
WORKER = (sys.executable, "-m", "seqlab.sweeps.worker")


def work_through(sweep: Sweep, trials: Sequence[Trial], watch: SweepWatch, slots: Slots, pack: int = 1) -> None:
    """Keep workers in the slots until none of the trials waits or runs; they go on when this process is killed.

    Ends early where the sweep is to stop or this process was asked to end: the workers save first. Raises ExecutorError
    where workers fail.
    """
    crew, following = Crew(sweep, slots, watch, pack), Following(sweep, trials, watch)
    with Signals() as signals:
        following.look()
        while not (following.is_done or is_stopping(sweep) or signals.reason):
            crew.tend(following)
            time.sleep(POLL_SECONDS)
            following.look()
        if not following.is_done:
            crew.ask_to_end()
        crew.wait()
    following.look()


class Crew:
    """The workers of one launcher."""

    def __init__(self, sweep: Sweep, slots: Slots, watch: SweepWatch, pack: int) -> None:
        self._sweep, self._slots, self._watch, self._pack = sweep, slots, watch, pack
        self._workers: list[subprocess.Popen[bytes]] = []
        self._is_waiting = False
        self._failure: str | None = None

    def tend(self, following: Following) -> None:
        """Start a worker where a trial waits for one and a slot is free. Raises ExecutorError when workers fail."""
        at_work = {s.claim["pid"] for s in following.standings.values() if s.claim}
        for worker in [worker for worker in self._workers if worker.poll() is not None]:
            self._workers.remove(worker)
            self._note_end(worker)
        if self._failure is not None:
            if not self._workers:
                raise ExecutorError(self._failure)
            return
        idle = sum(worker.pid not in at_work for worker in self._workers)
        if following.free > idle and len(self._workers) < self._slots.count:
            self._start()

    def _start(self) -> None:
        booking = self._slots.take()
        if booking is None:
            if not self._workers and not self._is_waiting:
                self._watch.message("every core or device of this machine is taken by another sweep; waiting for one")
            self._is_waiting = True
            return
        self._is_waiting = False
        try:
            self._workers.append(_worker(self._sweep, booking, self._pack))
        finally:
            booking.release()

    def _note_end(self, worker: subprocess.Popen[bytes]) -> None:
        code = worker.returncode
        has_worked = worker.pid in Queue(self._sweep).claimants()
        if code < 0:
            self._watch.message(f"worker {worker.pid} was killed by {signal.Signals(-code).name}")
        if code == 1 or (code not in (0, os.EX_TEMPFAIL) and not has_worked):
            log = self._sweep.workers_file
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines() or [f"exit code {code}"]
            self._failure = f"a worker of {self._sweep.name} failed: {lines[-1].strip()} ({log} has what it printed)"

    def ask_to_end(self) -> None:
        """Let every worker save and hand its trial back."""
        for worker in self._workers:
            worker.terminate()

    def wait(self) -> None:
        """Until every worker has ended."""
        for worker in self._workers:
            worker.wait()


def _worker(sweep: Sweep, booking: Booking, pack: int) -> subprocess.Popen[bytes]:
    """A worker in a slot, in a session of its own: a Ctrl-C of the terminal does not reach it."""
    with sweep.workers_file.open("ab") as log:
        return subprocess.Popen(
            [*WORKER, str(sweep.folder), "--place", booking.name, "--pack", str(pack)],
            env={**os.environ, **booking.environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=booking.locks,
            start_new_session=True,
        )
