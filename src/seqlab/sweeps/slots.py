"""Slots: the shares of this machine that workers are given, so that nothing is booked twice.

A slot is one device, or some of the cores. Whoever works in a slot holds a lock of the user's cache folder for the
device and for each core, so that two sweeps on one machine wait for each other; the lock goes with the process.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from seqlab.journal.files import clearly
from seqlab.places import cache_folder
from seqlab.sweeps.errors import SweepError

__all__ = ["THREADS", "Booking", "Slots", "cores", "devices"]

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""What the libraries beneath torch read when they are loaded."""
VISIBLE = "CUDA_VISIBLE_DEVICES"


def cores() -> list[str]:
    """The cores that this process may use."""
    return [f"core-{number}" for number in sorted(os.sched_getaffinity(0))]


def devices() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    if (named := os.environ.get(VISIBLE)) is not None:
        return [name.strip() for name in named.split(",") if name.strip() not in ("", "-1")]
    return [str(number) for number, _ in enumerate(Path("/dev").glob("nvidia[0-9]*"))]


@dataclass(frozen=True)
class Booking:
    """A slot that was taken."""

    name: str
    environment: Mapping[str, str]
    """What a process in it has to be started with."""
    locks: tuple[int, ...]
    """Descriptors to pass on to that process, and to close here."""

    def release(self) -> None:
        """Close the descriptors; the slot stays taken while another process has them."""
        for descriptor in self.locks:
            os.close(descriptor)


@dataclass(frozen=True)
class Slots:
    """The slots of a machine: `count` at a time, each of `threads` cores and at most one device."""

    count: int
    threads: int
    devices: tuple[str, ...] = ()
    """Empty: slots by cores."""
    cores: tuple[str, ...] = field(default_factory=lambda: tuple(cores()))

    @classmethod
    def of(cls, wanted: int | None, trials: int, on_devices: bool) -> Slots:
        """As many slots as are wanted (None: one a device, or one a core), and no more than there are trials.

        Raises SweepError where there are not so many devices or cores.
        """
        own, gpus = cores(), devices() if on_devices else []
        most, what = (len(gpus), "devices") if gpus else (len(own), "cores")
        if wanted is not None and wanted > most:
            raise SweepError(
                f"{wanted} slots need {wanted} {what} and this machine has {most}; ask for --slots {most} or fewer"
            )
        count = max(1, min(wanted or most, trials))
        return cls(count, max(1, len(own) // count), tuple(gpus), tuple(own))

    def take(self) -> Booking | None:
        """A slot that nobody holds, or None. Cores are taken by their number, any that are free."""
        device = _locked(self.devices, 1, "device-") if self.devices else ((), ())
        if device is None:
            return None
        threads = _locked(self.cores, self.threads)
        if threads is None:
            for descriptor in device[1]:
                os.close(descriptor)
            return None
        told = f"device {device[0][0]}" if device[0] else f"{self.threads} of {len(self.cores)} cores"
        environment = dict.fromkeys(THREADS, str(self.threads)) | ({VISIBLE: device[0][0]} if device[0] else {})
        return Booking(told, environment, (*device[1], *threads[1]))


def _locked(names: Iterable[str], count: int, prefix: str = "") -> tuple[tuple[str, ...], tuple[int, ...]] | None:
    """So many of the names that are free, and the locks on them; None where there are not so many."""
    folder = cache_folder() / "slots"
    with clearly(folder):
        folder.mkdir(parents=True, exist_ok=True)
    taken: dict[str, int] = {}
    for name in names:
        if len(taken) < count and (descriptor := _lock(folder / f"{prefix}{name}")) is not None:
            taken[name] = descriptor
    if len(taken) == count:
        return tuple(taken), tuple(taken.values())
    for descriptor in taken.values():
        os.close(descriptor)
    return None


def _lock(path: Path) -> int | None:
    with clearly(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
