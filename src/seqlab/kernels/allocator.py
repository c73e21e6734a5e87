"""What the C library does with the memory that a step frees."""

from __future__ import annotations

import ctypes
import os
import platform

__all__ = ["keep_freed_memory"]

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""mallopt's names (malloc.h)."""
NEVER = -1
LARGEST, LARGEST_OF_OLD = 2**31 - 1, 2**25
"""Bytes up to which an array may be kept; older glibc refuses more than 32 MiB."""


def keep_freed_memory() -> None:
    """Let this process keep what it frees, for the next step: as much as it held at its peak, until it ends.

    By default glibc returns large arrays to the system at once. Every step then asks for the same pages anew, and the
    system fills each with zeros: 5 to 15 % of a step on a CPU. Where the C library is another one, or the environment
    tells glibc what to do, this does nothing.
    """
    if platform.libc_ver()[0] != "glibc" or _environment_decides():
        return
    library = ctypes.CDLL(None)
    # Setting either ends glibc's own growing of both: the trim threshold alone would be worse than nothing.
    if any(library.mallopt(M_MMAP_THRESHOLD, size) for size in (LARGEST, LARGEST_OF_OLD)):
        library.mallopt(M_TRIM_THRESHOLD, NEVER)


def _environment_decides() -> bool:
    variables = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_")
    return any(name in os.environ for name in variables) or "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", "")
