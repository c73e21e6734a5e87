"""Who may train a run: the process that holds the lock on the run's `lock` file.

The lock is an flock, which the system drops when its holder dies, so a killed run resumes at once. The facts
in attempts/<n>/lease.json (host, pid, start) are for messages and for file systems without working locks.
"""

import errno
import fcntl
import os
import time
from pathlib import Path
from typing import Any

from seqlab.journal import clock, memory
from seqlab.journal.errors import JournalError, RunBusy
from seqlab.journal.files import clearly, read_object

_PATIENCE = 0.5  # seconds: a reader's test of the lock lasts microseconds, a trainer's hold much longer
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS)
_held: set[int] = set()


class Lease:
    """The right to write a run; `release` gives it back, and so does the death of the process."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        _held.add(descriptor)

    def release(self) -> None:
        """Let the next process have the run."""
        _held.discard(self._descriptor)
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        os.close(self._descriptor)


def take(folder: Path) -> Lease:
    """The lease of the run in `folder`. Raises RunBusy when another process holds it, ReadOnly, JournalError."""
    path = folder / "lock"
    with clearly(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return Lease(descriptor)
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(descriptor)
                raise RunBusy(_busy(folder)) from None
            time.sleep(0.005)
        except OSError as error:
            os.close(descriptor)
            raise JournalError(
                f"cannot lock {path}: {error.strerror}; keep the runs on a file system with locks"
            ) from error


def is_held(folder: Path) -> bool:
    """Whether some process holds the lease. Asks with a shared lock on a descriptor of its own.

    False where the file system, as mounted here, has no locks: then signs of life must tell.
    """
    try:
        descriptor = os.open(folder / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return False
        if not isinstance(error, BlockingIOError):
            raise
        return True
    finally:
        os.close(descriptor)
    return False


def host() -> str:
    """This machine's name."""
    return os.uname().nodename


def facts() -> dict[str, Any]:
    """What names this process in lease.json."""
    pid = os.getpid()
    return {
        "host": host(),
        "pid": pid,
        "process_start_ticks": clock.process_start(pid),
        "pid_space": clock.pid_space(),
        "since": clock.now(),
        "kernel_kills": memory.kernel_kills(),
    }


def process_is_gone(lease: dict[str, Any]) -> bool:
    """Whether the process that wrote `lease` is known to be dead; False when that cannot be known from here."""
    space = clock.pid_space()
    if space is None or lease.get("pid_space") != space:
        return False
    return bool(clock.process_start(lease["pid"]) != lease["process_start_ticks"])


def is_of_this_machine(lease: dict[str, Any]) -> bool:
    """Whether the process that wrote `lease` ran here, in this container or another: then the lock tells all."""
    here, there = clock.pid_space(), lease.get("pid_space")
    same_boot = here is not None and there is not None and here.split()[0] == there.split()[0]
    return same_boot or bool(lease["host"] == host())


def last_attempt(folder: Path) -> int:
    """The number of the run's latest attempt, 0 when there is none."""
    try:
        with os.scandir(folder / "attempts") as entries:
            return max((int(entry.name) for entry in entries if entry.name.isdigit()), default=0)
    except FileNotFoundError:
        return 0


def _busy(folder: Path) -> str:
    number = last_attempt(folder)
    lease = read_object(folder / "attempts" / str(number) / "lease.json")
    if lease is None or (folder / "attempts" / str(number) / "exit.json").exists():
        return f"{folder.name} in {folder.parent} is held by another process just now; try again in a moment"
    if process_is_gone(lease):
        return (
            f"{folder.name} was trained by pid {lease['pid']}, which is gone, "
            f"but a process that it started still holds {folder / 'lock'}; end that process, then resume"
        )
    return (
        f"{folder.name} is being trained by pid {lease['pid']} on {lease['host']} since {lease['since']}; "
        f"stop it with `seqlab stop {folder.name}`"
    )


def _forget_in_child() -> None:
    # A forked data worker shares the lock; were it to outlive its parent, the dead parent would seem to run.
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_forget_in_child)
