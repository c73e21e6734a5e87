"""Memory that is kept once it was freed."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

SCRIPT = """
import resource, torch
from seqlab.kernels.allocator import keep_freed_memory

def pages():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    held = [torch.zeros(2**26, dtype=torch.uint8) for _ in range(2)]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

if {keep}:
    keep_freed_memory()
for _ in range(8):
    pages()
print(pages() * resource.getpagesize())
"""


def fetched_anew(*, keep: bool) -> int:
    """Bytes that a new process asks of the system for 128 MiB, when it has freed as many again and again."""
    script = SCRIPT.format(keep=keep)
    return int(subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_what_was_freed_is_there_again() -> None:
    assert fetched_anew(keep=False) > 2**26
    assert fetched_anew(keep=True) < 2**20
