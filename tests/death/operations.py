"""Every operation of a process that changes a file, as a moment at which it can be killed or run out of disk.

For forked children only: what is replaced here is never put back.
"""

from __future__ import annotations

import errno
import io
import mmap
import os
import signal
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import save

from seqlab.train import checkpoint

UNDAMAGING = ("rename", "replace", "unlink", "rmdir", "ftruncate", "utime")
_real_write = os.write


def _nothing(size: int) -> object:
    return None


def _no_space() -> Exception:
    return OSError(errno.ENOSPC, "No space left on device")


class Operation(NamedTuple):
    """About to happen."""

    name: str
    size: int = 0
    """Bytes of free disk that it takes."""
    part: Callable[[int], object] = _nothing
    """Does the first so many bytes of it."""
    error: Callable[[], Exception] = _no_space
    """What is raised when the disk is full."""
    can_be_short: bool = False
    """Whether it returns, having written what there was room for."""


Before = Callable[[Operation], int | None]
"""Called ahead of every operation; a number that it returns is how many bytes of a write to write."""


def intercept(before: Before) -> None:
    """Call `before` ahead of every operation of this process, from now on."""
    _intercept_os(before)
    _intercept_files(before)
    _intercept_checkpoints(before)


def _intercept_os(before: Before) -> None:
    real_open, real_write, real_mkdir, real_fsync = os.open, os.write, os.mkdir, os.fsync

    def opened(path: Any, flags: int, *rest: Any, **options: Any) -> int:
        if flags & os.O_CREAT:
            before(Operation("open", 0 if os.access(path, os.F_OK) else 1))
        return real_open(path, flags, *rest, **options)

    def write(descriptor: int, data: bytes) -> int:
        operation = Operation("write", len(data), lambda size: real_write(descriptor, data[:size]), can_be_short=True)
        return real_write(descriptor, data[: before(operation)])

    def mkdir(*arguments: Any, **options: Any) -> None:
        before(Operation("mkdir", 1))
        real_mkdir(*arguments, **options)

    def fsync(descriptor: int) -> None:
        before(Operation("fsync", 1))
        real_fsync(descriptor)

    os.open, os.write, os.mkdir, os.fsync = opened, write, mkdir, fsync  # type: ignore[assignment]
    for name in UNDAMAGING:
        setattr(os, name, _announced(name, getattr(os, name), before))


def _announced(name: str, real: Callable[..., Any], before: Before) -> Callable[..., Any]:
    def operation(*arguments: Any, **options: Any) -> Any:
        before(Operation(name))
        return real(*arguments, **options)

    return operation


def _intercept_files(before: Before) -> None:
    real_open = io.open

    class Raw(io.FileIO):
        def write(self, data: Any) -> int:
            real = super().write
            operation = Operation("write", len(data), lambda size: real(bytes(data)[:size]), can_be_short=True)
            return real(bytes(data)[: before(operation)])

    def opened(file: Any, mode: str = "r", *rest: Any, **options: Any) -> Any:
        if not {"w", "a", "x"} & {*mode}:
            return real_open(file, mode, *rest, **options)
        before(Operation("open", 0 if os.access(file, os.F_OK) else 1))
        binary = io.BufferedWriter(Raw(file, mode.strip("bt")))
        return binary if "b" in mode else io.TextIOWrapper(binary, encoding="utf-8")

    io.open = opened  # type: ignore[assignment]


def _intercept_checkpoints(before: Before) -> None:
    real_save_file, real_save = checkpoint.save_file, torch.save

    def save_file(tensors: dict[str, torch.Tensor], path: Path) -> None:
        data = save(tensors)
        before(Operation("save_file", len(data), lambda size: _leave(path, data[:size]), _safetensors_failed))
        real_save_file(tensors, path)

    def save_state(state: Any, path: Path) -> None:
        buffer = io.BytesIO()
        real_save(state, buffer)
        data = buffer.getvalue()
        before(Operation("torch.save", len(data), lambda size: _leave(path, data[:size]), _torch_failed))
        real_save(state, path)

    checkpoint.save_file, torch.save = save_file, save_state


def _leave(path: Path, data: bytes) -> None:
    with io.FileIO(path, "w") as file:
        file.write(data)


def _safetensors_failed() -> Exception:
    return SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")


def _torch_failed() -> Exception:
    return RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 320 vs 214")


class Kill:
    """Kills this process at moment number `at`: before an operation, or with half of its bytes written."""

    def __init__(self, at: int) -> None:
        self.left = at

    def __call__(self, operation: Operation) -> None:
        if operation.name == "fsync":
            return  # a kill loses nothing that was written, synced or not
        self._moment()
        if operation.part is not _nothing:
            self._moment(lambda: operation.part(operation.size // 2))

    def _moment(self, first: Callable[[], object] = lambda: None) -> None:
        self.left -= 1
        if self.left == 0:
            first()
            os.kill(os.getpid(), signal.SIGKILL)


class FullDisk:
    """From operation number `at` of those that take disk, `folder` has no room but for what is freed in it."""

    def __init__(self, folder: Path, at: int) -> None:
        self.folder, self.left = folder, at
        self.capacity: int | None = None
        self._mark = mmap.mmap(-1, 1)
        os.statvfs = self.space  # type: ignore[assignment]

    @property
    def was_full(self) -> bool:
        """Whether it came to that; the parent of the child that ran out of disk can ask, too."""
        return self._mark[0] == 1

    def free(self) -> int:
        assert self.capacity is not None
        return self.capacity - used(self.folder)

    def space(self, _: object) -> Any:
        class Space:
            f_bavail, f_frsize = (self.free() if self.capacity is not None else 1 << 40), 1

        return Space

    def __call__(self, operation: Operation) -> int | None:
        if operation.size:
            self.left -= 1
        if self.left == 0 and self.capacity is None:
            self.capacity, self._mark[0] = used(self.folder), 1
        if self.capacity is None or operation.size <= self.free():
            return None
        if operation.can_be_short and self.free() > 0:
            return self.free()
        operation.part(self.free())
        raise operation.error()


def used(folder: Path) -> int:
    """Bytes of all files below."""
    return sum(Path(place, name).stat().st_size for place, _, names in os.walk(folder) for name in names)


class Death(NamedTuple):
    """How a child ended."""

    killed: bool
    error: str
    """Traceback of the exception that it ended by, "" for none."""


def in_child(action: Callable[[], object]) -> Death:
    """Do something in a forked child and wait for its end."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            action()
        except BaseException:
            _real_write(write_end, traceback.format_exc().encode()[-60_000:])
        finally:
            os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        error = pipe.read().decode()
    _, status = os.waitpid(child, 0)
    return Death(os.WIFSIGNALED(status), error)
