"""Writing plain files so that a crash, a kill or a full disk loses nothing that was already written.

A whole file is replaced (write, fsync, rename, fsync of the folder): a reader sees the old or the new one.
A line is appended whole or not at all, by one write. All text is UTF-8 JSON; NaN and the infinities, which
strict JSON lacks, stand as the strings "nan", "inf" and "-inf".
"""

import errno
import fcntl
import json
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from seqlab.journal.errors import DiskFull, JournalError, ReadOnly

_FULL = (errno.ENOSPC, errno.EDQUOT)
_FORBIDDEN = (errno.EROFS, errno.EACCES, errno.EPERM)
_compact = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_readable = json.JSONEncoder(ensure_ascii=False, allow_nan=False, indent=2).encode


def encode(value: object, *, readable: bool = False) -> bytes:
    """JSON bytes of `value`: one line, or indented when `readable`. Raises JournalError for what JSON lacks."""
    write = _readable if readable else _compact
    try:
        try:
            return write(value).encode()
        except ValueError:  # a NaN or an infinity somewhere: rare, so only now is the value walked
            return write(_spelled(value)).encode()
    except (TypeError, UnicodeEncodeError) as error:
        raise JournalError(f"cannot write this to the record: {error}; hand in plain JSON values") from error


def read_object(path: Path) -> dict[str, Any] | None:
    """The JSON object in `path`, None when there is no such file. Raises JournalError when it is damaged."""
    try:
        value = json.loads(read_bytes(path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise JournalError(f"cannot read {path}: {error.strerror}; mend its permissions") from error
    except ValueError as error:
        raise JournalError(f"{path} is damaged ({error}); restore it from a copy") from error
    if not isinstance(value, dict):
        raise JournalError(f"{path} holds a {type(value).__name__}, not an object; restore it from a copy")
    return value


def read_bytes(path: Path, start: int = 0, most: int | None = None) -> bytes:
    """The bytes of `path` from offset `start`, at most so many; bare system calls, for a listing reads thousands of
    files."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        missing = os.fstat(descriptor).st_size - start
        missing = missing if most is None else min(missing, most)
        parts: list[bytes] = []
        while missing > 0 and (part := os.pread(descriptor, missing, start)):
            parts.append(part)
            start += len(part)
            missing -= len(part)
        return b"".join(parts)
    finally:
        os.close(descriptor)


def replace_json(path: Path, value: object) -> None:
    """Make `path` hold `value`, indented for human readers; see `replace_bytes`."""
    replace_bytes(path, encode(value, readable=True) + b"\n")


def replace_bytes(path: Path, data: bytes) -> None:
    """Make `path` hold `data`, durably: after this returns it survives a power cut; before, the old file does.

    Raises ReadOnly or DiskFull; a failed attempt leaves no temporary file behind.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with clearly(path):
        try:
            _write_new(temporary, data)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file that nobody reads yet, its content durable; for one that is read take `replace_bytes`."""
    with clearly(path):
        _write_new(path, data)


def _write_new(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        write_whole(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def append_record(path: Path, record: dict[str, Any]) -> None:
    """Append one JSON line, under a lock, durably; any process may do so at any time."""
    append_next(path, lambda: record)


def append_next(path: Path, make: Callable[[], dict[str, Any]]) -> None:
    """As `append_record`, with a record that is made under the lock: nobody appends between its look and its line."""
    with clearly(path):
        descriptor = open_to_append(path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            line = encode(make()) + b"\n"
            end_torn_line(descriptor)
            write_whole(descriptor, line)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        sync_folder(path.parent)


def open_to_append(path: Path) -> int:
    """A descriptor whose every write lands at the end of the file, which is made when missing."""
    return os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)


def end_torn_line(descriptor: int) -> None:
    """Add the newline that a killed writer left out, so that its half line does not glue to the next one."""
    size = os.fstat(descriptor).st_size
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        write_whole(descriptor, b"\n")


def write_whole(descriptor: int, data: bytes) -> None:
    """Write all of `data` at the end of the file, or take back what was written and raise OSError."""
    written = os.write(descriptor, data)
    if written == len(data):
        return
    try:
        while written < len(data):
            written += os.write(descriptor, data[written:])
    except OSError:
        os.ftruncate(descriptor, os.fstat(descriptor).st_size - written)
        raise


def sync_folder(folder: Path) -> None:
    """Make the folder's entries durable; a file system that cannot sync a folder is left as it is.

    Raises DiskFull or JournalError.
    """
    with clearly(folder):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):
                raise
        finally:
            os.close(descriptor)


@contextmanager
def clearly(path: Path) -> Iterator[None]:
    """Turn an OSError of writing `path` into a JournalError of one sentence."""
    try:
        yield
    except OSError as error:
        raise explained(error, path) from error


def explained(error: OSError, path: Path) -> JournalError:
    """The JournalError that says what `error` means for the record at `path`."""
    if error.errno in _FULL:
        return DiskFull(f"cannot write {path}: the disk is full; free some space, then resume the run")
    if error.errno in _FORBIDDEN:
        return ReadOnly(
            f"cannot write {path}: {error.strerror}; mend its permissions or set SEQLAB_RUNS to another folder"
        )
    return JournalError(f"cannot write {path}: {error.strerror}; look at the file system there")


def disk_is_full(error: BaseException | None, folder: Path, needed: int) -> bool:
    """Whether `error` came of a full disk, by the errno that it has or names, or by fewer than `needed` bytes free.

    The exception's type says nothing: torch.save raises RuntimeError, safetensors an error of its own.
    """
    while error is not None:
        if isinstance(error, DiskFull) or (isinstance(error, OSError) and error.errno in _FULL):
            return True
        if any(f"(os error {number})" in str(error) for number in _FULL):  # as libraries written in Rust say it
            return True
        error = error.__cause__ or error.__context__
    space = os.statvfs(folder)
    return space.f_bavail * space.f_frsize < needed


def _spelled(value: object) -> object:
    """`value` with every NaN and infinity as its string."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(float(value))
    if isinstance(value, dict):
        return {key: _spelled(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_spelled(item) for item in value]
    return value
