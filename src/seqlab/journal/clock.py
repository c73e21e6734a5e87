"""Times of day, and the seconds a run has cost.

Wall seconds count from the start of the process, imports included, for that is what a user waits for. A
second attempt in the same process counts from the end of the first, so that no second is charged twice; an
interactive session, which may idle for hours before, counts from the attempt's start.
"""

import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

_imported = time.monotonic()
_charged_until: float | None = None


def now() -> str:
    """The time of day, UTC, ISO 8601 with microseconds: such strings sort by time."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def file_system_time(folder: Path) -> float:
    """Seconds since 1970 by the clock that stamps files in `folder`: on a network folder the server's.

    Asked by a file that is gone at once; where none can be written, this machine's own clock.
    """
    from tempfile import TemporaryFile  # its import costs milliseconds, and doubt is rare

    try:
        with TemporaryFile(dir=folder, buffering=0) as file:
            file.write(b"?")
            os.fsync(file.fileno())
            return os.fstat(file.fileno()).st_mtime
    except OSError:
        return time.time()


def charge() -> float:
    """The moment (time.monotonic) from which an attempt that starts now counts its wall seconds."""
    if _charged_until is not None:
        return _charged_until
    if hasattr(sys, "ps1"):
        return time.monotonic()
    return time.monotonic() - process_age()


def charged() -> None:
    """An attempt has ended: its seconds are counted."""
    global _charged_until
    _charged_until = time.monotonic()


def process_age() -> float:
    """Seconds since this process started; where /proc cannot tell, since this module was imported."""
    since_import = time.monotonic() - _imported
    ticks = process_start(os.getpid())
    if ticks is None:
        return since_import
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    return age if age >= since_import - 0.1 else since_import  # some sandboxes count from another zero


def process_start(pid: int) -> int | None:
    """When process `pid` started, in clock ticks since boot; None when it is gone, a zombie, or unknown.

    Together with the pid it names a process for good: a pid is used again, a pid at that tick is not.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def pid_space() -> str | None:
    """Names the set of processes whose pids can be compared: this boot of this machine, this container."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return None
