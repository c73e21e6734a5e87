"""Kernels in C++: compiled at their first use, once for a machine, and called with tensors through ctypes.

A source is plain C++17 that knows no torch: extern "C" functions of pointers, sizes and, last, a number of threads;
what sources share lies in `headers/`. Nothing depends on it: where there is no compiler, or it fails, or takes more
than a minute, the kernel's torch path serves, and `seqlab doctor` says why.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import platform
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from seqlab.kernels.members import of_many
from seqlab.kernels.recording import Drawn, note
from seqlab.places import compiled_folder, is_writable

__all__ = [
    "DTYPES",
    "FEW",
    "Native",
    "compiler_version",
    "failures",
    "few_without_gradient",
    "find_compiler",
    "without_gradient",
]

FOLDER = Path(__file__).parent
HEADERS = FOLDER / "headers"
FLAGS = ("-std=c++17", "-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-fopenmp", "-fPIC", "-shared")
"""Sums keep their order and NaN its meaning: nothing of -ffast-math that would change them."""
LIMIT_SECONDS = 60.0
RETRY_SECONDS = 3600.0
DTYPES = {torch.float64: "float64", torch.float32: "float32", torch.bfloat16: "bfloat16"}
"""What the functions for a dtype are named after."""
FEW = 2**16
"""Numbers up to which one thread in one pass is faster than torch's operations."""


class Native:
    """The functions of one C++ source.

    The library is kept in the folder of compiled kernels under a hash of the source, its headers, the flags, the
    compiler and the processor; beside it, after a failure, `.failed` with what the compiler said, so that nobody
    waits for the same failure again within the hour: what took too long may not on a machine with less to do.
    """

    def __init__(self, source: Path) -> None:
        self.source = source
        self._library: ctypes.CDLL | None = None
        self._fault: str | None = None

    def usable(self) -> bool:
        """Whether the functions can be called; the first question compiles. Never while torch traces or compiles."""
        return not torch.compiler.is_compiling() and self.fault() is None

    def serves(self, x: Tensor) -> bool:
        """Whether x lies where the functions can read it, in a dtype that they know, and they are usable.

        Not an x without entries: the functions divide by sizes, and sum from the first row on.
        """
        return x.device.type == "cpu" and x.dtype in DTYPES and x.numel() > 0 and self.usable()

    def fault(self) -> str | None:
        """Why the functions cannot be called, in one sentence; None where they can."""
        if self._library is None and self._fault is None:
            self._fault = self._load()
        return self._fault

    def run(self, function: str, *arguments: Tensor | int | float | None) -> None:
        """Call a function, as `call` says, and have it called again where something is being recorded."""
        call = self.call(function, *arguments)
        call()
        note(call, arguments)

    def call(self, function: str, *arguments: Tensor | int | float | None) -> Callable[[], object]:
        """A call of a function: tensors as pointers (None: a null), int as int64, float as double; threads are added.

        The tensors are contiguous, on the CPU, and kept alive by the caller.
        """
        assert self._library is not None, "ask `usable` first"
        return functools.partial(
            getattr(self._library, function), *map(_for_c, arguments), ctypes.c_int64(torch.get_num_threads())
        )

    def failure(self) -> str | None:
        """What an earlier attempt to compile ended with, if it failed, and what the next would; compiles nothing."""
        target = self._target()
        if target is None:
            return None
        if target.exists():
            return self.fault()
        if (kept := _kept_failure(target)) is not None:
            return f"{kept} ({_marker(target)})"
        return None if is_writable(target.parent) else f"{target.parent} cannot be written"

    def _target(self) -> Path | None:
        """The library's file; None without a compiler."""
        version = compiler_version()
        if version is None:
            return None
        whole = hashlib.sha256(repr((version, FLAGS, _processor())).encode())
        for file in _with_headers(self.source):
            whole.update(file.read_bytes())
        return compiled_folder() / f"{self.source.stem}-{whole.hexdigest()[:24]}.so"

    def _load(self) -> str | None:
        target = self._target()
        if target is None:
            return "there is no C++ compiler"
        marker = _marker(target)
        try:
            if not target.exists():
                if (kept := _kept_failure(target)) is not None:
                    return kept
                if marker.exists():
                    marker.touch()  # one process tries again, and those that ask meanwhile do not
                fault = _compile(self.source, target)
                if fault is not None and not target.exists():  # of two at once, the other may have made it
                    marker.write_text(fault)
                    return fault
                marker.unlink(missing_ok=True)
            self._library = ctypes.CDLL(str(target))
        except OSError as error:
            return f"{target.parent} cannot be used ({error.strerror or error})"
        return None


def _marker(target: Path) -> Path:
    """The file that says why a library could not be made."""
    return target.with_suffix(".failed")


def _kept_failure(target: Path) -> str | None:
    """What it says, while nobody is to try again."""
    try:
        fresh = time.time() - _marker(target).stat().st_mtime < RETRY_SECONDS
        return _marker(target).read_text() if fresh else None
    except (FileNotFoundError, NotADirectoryError):
        return None


def _with_headers(source: Path) -> list[Path]:
    """A source and the headers that it includes, and that they include, each once."""
    found = [source]
    for file in found:
        named = re.findall(r'^#include "([\w.]+)"', file.read_text(), re.MULTILINE)
        found += [HEADERS / name for name in named if HEADERS / name not in found]
    return found


def few_without_gradient(*tensors: Tensor) -> bool:
    """Whether the numbers are as few as a step of generation has them, and `without_gradient`."""
    return all(tensor.numel() <= FEW for tensor in tensors) and without_gradient(*tensors)


def without_gradient(*tensors: Tensor) -> bool:
    """Whether nobody will ask for gradients, and these are the numbers of one model."""
    asked = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
    return not asked and not of_many(*tensors)


def failures() -> dict[str, str]:
    """The package's sources that could not be compiled here, by name, and why."""
    told = {source.name: Native(source).failure() for source in sorted(FOLDER.rglob("*.cpp"))}
    return {name: failure for name, failure in told.items() if failure is not None}


def find_compiler() -> str | None:
    """The compiler's path: SEQLAB_COMPILER, else g++, else c++."""
    chosen = os.environ.get("SEQLAB_COMPILER")
    return shutil.which(chosen) if chosen else shutil.which("g++") or shutil.which("c++")


def compiler_version() -> str | None:
    """What the compiler calls itself; None without one."""
    path = find_compiler()
    return None if path is None else _version(path)


@functools.cache
def _version(path: str) -> str | None:
    try:
        done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.partition("\n")[0] if done.returncode == 0 else None


@functools.cache
def _processor() -> str:
    """What -march=native looks at: the model and its instructions."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    told = {line.partition(":")[0].strip(): line.partition(":")[2].strip() for line in reversed(lines)}
    return " ".join([platform.machine(), *(told.get(name, "") for name in ("model name", "flags", "Features"))])


def _compile(source: Path, target: Path) -> str | None:
    """Make the library, whole or not at all; returns what went wrong."""
    compiler = find_compiler()
    assert compiler is not None
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".partial-", ignore_cleanup_errors=True) as folder:
        partial = Path(folder, target.name)
        command = [compiler, *FLAGS, f"-I{HEADERS}", str(source), "-o", str(partial)]
        compiling = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, process_group=0)
        try:
            told = compiling.communicate(timeout=LIMIT_SECONDS)[1]
        except subprocess.TimeoutExpired:
            os.killpg(compiling.pid, signal.SIGKILL)  # the compiler's own children too
            compiling.communicate()
            return f"{compiler} took more than {LIMIT_SECONDS:.0f} s for {source.name}"
        if compiling.returncode != 0 or not partial.exists():
            line = next((line for line in told.splitlines() if "error" in line), told.strip()[:200])
            return f"{compiler} failed on {source.name}: {line or f'exit code {compiling.returncode}'}"
        partial.replace(target)  # two processes may do this at once: either's file is whole, and both are alike
    return None


def _for_c(value: Tensor | int | float | None) -> ctypes.c_void_p | ctypes.c_int64 | ctypes.c_double:
    if isinstance(value, Tensor):
        return ctypes.c_void_p(value.data_ptr())
    if value is None:
        return ctypes.c_void_p()
    if isinstance(value, Drawn):
        return value.cell
    return ctypes.c_int64(value) if isinstance(value, int) else ctypes.c_double(value)
