"""Memory that is kept once it was freed."""

from __future__ import annotations

import ctypes
import platform
import subprocess
import sys
from types import SimpleNamespace

import pytest

from seqlab.kernels.allocator import keep_freed_memory

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
print(pages())
"""


VARIABLES = {
    "MALLOC_MMAP_THRESHOLD_": "65536",
    "MALLOC_TRIM_THRESHOLD_": "65536",
    "GLIBC_TUNABLES": "glibc.malloc.trim_threshold=65536",
}
MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing tells glibc what to do."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def fetched_anew(*, keep: bool) -> int:
    """Pages that a new process asks of the system for 128 MiB, when it has freed as many again and again."""
    script = SCRIPT.format(keep=keep)
    return int(subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout)


def asked_of_glibc(monkeypatch: pytest.MonkeyPatch, *, most: int) -> list[tuple[int, int]]:
    """The calls of a mallopt that refuses what is above `most`."""
    asked: list[tuple[int, int]] = []

    def mallopt(name: int, value: int) -> int:
        asked.append((name, value))
        return int(value <= most)

    with monkeypatch.context() as patch:
        patch.setattr(platform, "libc_ver", lambda: ("glibc", "2.31"))
        patch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace(mallopt=mallopt))
        keep_freed_memory()
    return asked


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_what_was_freed_is_there_again() -> None:
    """Compared, since a page may be 4 KiB or 2 MiB: transparent huge pages."""
    assert fetched_anew(keep=True) < fetched_anew(keep=False) / 10


def test_what_an_older_glibc_refuses_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    large, old, never = (MMAP_THRESHOLD, 2**31 - 1), (MMAP_THRESHOLD, 2**25), (TRIM_THRESHOLD, -1)
    assert asked_of_glibc(monkeypatch, most=2**31 - 1) == [large, never]
    assert asked_of_glibc(monkeypatch, most=2**25) == [large, old, never]
    assert asked_of_glibc(monkeypatch, most=0) == [large, old]


@pytest.mark.parametrize("name", VARIABLES)
def test_the_environment_goes_before(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, VARIABLES[name])
    assert asked_of_glibc(monkeypatch, most=2**31 - 1) == []
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.pthread.rseq=0")
    monkeypatch.delenv(name)
    assert asked_of_glibc(monkeypatch, most=2**31 - 1) != []
