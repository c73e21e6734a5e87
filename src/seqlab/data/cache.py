"""The user's cache folder: everything in it can be made again, and a file in it is always whole.

The folder is SEQLAB_CACHE, else XDG_CACHE_HOME/seqlab, else ~/.cache/seqlab. Files are written under another
name, flushed to disk and renamed, so a reader sees the old file, the new one or none.
"""

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from seqlab.data import DataError
from seqlab.places import cache_folder

Readable = bytes | memoryview | np.ndarray


class CacheUnwritable(DataError):
    """The cache folder cannot be written; what is only a convenience goes on without it."""


def buffer(data: Readable) -> memoryview:
    """The bytes of `data`, not copied."""
    return memoryview(data)  # type: ignore[arg-type]  # numpy's stubs name the buffer protocol from 3.12 on


def sha256(data: Readable) -> str:
    """The sha256 of the bytes of `data`, in hexadecimal."""
    return hashlib.sha256(buffer(data)).hexdigest()


@contextmanager
def writable(path: Path) -> Iterator[None]:
    """Turn the system's refusal to write at `path` into CacheUnwritable."""
    try:
        yield
    except OSError as error:
        raise CacheUnwritable(
            f"cannot write {path} in the cache ({error.strerror}); free it or set SEQLAB_CACHE to another folder"
        ) from error


@contextmanager
def workspace(beside: Path) -> Iterator[Path]:
    """A temporary folder on the file system of `beside`, so that its files can be renamed to there."""
    with writable(beside):
        beside.parent.mkdir(parents=True, exist_ok=True)
        temporary = tempfile.TemporaryDirectory(dir=beside.parent, prefix=".partial-")
    with temporary as name:
        yield Path(name)


def adopt(partial: Path, path: Path) -> None:
    """Make the finished file `partial` the file `path`, on disk before it bears that name."""
    with writable(path):
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(path)


def write(path: Path, data: Readable) -> None:
    """Write `data` to `path`, whole or not at all. Raises CacheUnwritable."""
    with workspace(beside=path) as temporary:
        partial = temporary / path.name
        with writable(path):
            partial.write_bytes(buffer(data))
        adopt(partial, path)


@contextmanager
def lock(name: str) -> Iterator[None]:
    """Hold the lock `name` against every other process that uses this cache; waits for its turn."""
    path = cache_folder() / "locks" / name
    with writable(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("w")
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
