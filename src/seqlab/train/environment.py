"""Where a run happens: versions, processor, threads, git; and whether two such places compute the same bits."""

from __future__ import annotations

import os
import platform
import socket
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from seqlab.kernels.native import compiler_version, failures
from seqlab.train.distributed import World

__all__ = ["differences", "environment", "git_state"]


def environment(
    device: torch.device, dtype: torch.dtype, together: int = 1, world: World | None = None
) -> dict[str, Any]:
    """Everything about this machine and process that can change a result's bits or its speed.

    together: how many runs one program trains; world: the processes that train one run."""
    world = world or World()
    return {
        "seqlab": metadata.version("seqlab") if _installed("seqlab") else "source tree",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": metadata.version("numpy"),
        "host": socket.gethostname(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "together": together,
        "processes": world.size,
        "backend": world.backend,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "compute_dtype": str(dtype).removeprefix("torch."),
        "native_kernels": _native_kernels(),
        "platform": platform.platform(),
    }


BITS = (
    *("torch", "numpy", "processor", "threads", "together", "processes", "backend"),
    *("device", "compute_dtype", "native_kernels"),
)


def differences(before: dict[str, Any], now: dict[str, Any], *, every: bool = False) -> list[str]:
    """What differs between two environments so that their bits cannot be compared; with `every`, all that differs."""
    names = now if every else BITS
    return [f"{name}: {before[name]} -> {now[name]}" for name in names if name in before and before[name] != now[name]]


def _installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _native_kernels() -> str:
    """What compiles the kernels in C++, and which of them it could not compile."""
    without = "".join(f", without {name}" for name in failures())
    return f"{compiler_version() or 'none: no compiler'}{without}"


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.machine()


def git_state(folder: Path) -> dict[str, Any] | None:
    """The commit of the folder's git tree and its uncommitted diff; None where there is no git or no repository."""
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None
    return {"commit": commit.strip(), "diff": _git(folder, "diff", "HEAD") or ""}


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def command_line() -> list[str]:
    """How this process was started."""
    return [Path(sys.argv[0]).name, *sys.argv[1:]]
