"""A run whose process seems to be on another machine, where the locks of this one are not seen."""

from __future__ import annotations

import fcntl
import json
import os
import time

from seqlab.journal import Run, lease

OWN = ("metrics.jsonl", "events.jsonl")
_true_time = time.time


def elsewhere(run: Run) -> None:
    """Begin an attempt that seems to be another machine's, and leave it without an end."""
    with run.attempt() as attempt:
        pass
    (attempt.folder / "exit.json").unlink()
    seems_elsewhere(run, attempt.number)


def seems_elsewhere(run: Run, number: int) -> None:
    """Let attempt `number` look as if another machine had begun it."""
    path = run.folder / "attempts" / str(number) / "lease.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "host": "another-machine", "pid_space": "x y"}))


def silent(run: Run, seconds: float) -> None:
    """Let every sign of life of the run be so old."""
    then = _true_time() - seconds
    for path in (*run.folder.glob("attempts/*/lease.json"), *(run.folder / name for name in OWN)):
        os.utime(path, (then, then))


def lose_locks() -> None:
    """Let go of every lock that this process holds, as a file server that was restarted does."""
    for descriptor in lease._held:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
