"""C++ kernels: compiled once, called with tensors, and never a reason to fail."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from seqlab.kernels import native
from seqlab.kernels.native import Native
from seqlab.kernels.scan.native import NATIVE

DOUBLED = """
#include <cstdint>
extern "C" void doubled(const double* x, const double* offset, double* y, int64_t n, double factor, int64_t threads) {
    for (int64_t i = 0; i < n; ++i) y[i] = factor * x[i] + (offset ? *offset : 0.0) + 0 * threads;
}
"""
needs_compiler = pytest.mark.skipif(native.compiler_version() is None, reason="there is no compiler")


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kernel's file, and an empty folder of compiled kernels."""
    monkeypatch.setenv("SEQLAB_KERNELS", str(tmp_path / "compiled"))
    file = tmp_path / "doubled.cpp"
    file.write_text(DOUBLED)
    return file


def compiler(folder: Path, script: str) -> str:
    """A program that stands in for a compiler and knows its version."""
    file = folder / "compiler"
    file.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo compiler 1 && exit\n{script}\n')
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return str(file)


def doubled(kernel: Native, x: torch.Tensor, offset: torch.Tensor | None = None) -> torch.Tensor:
    assert kernel.usable()
    y = torch.empty_like(x)
    kernel.run("doubled", x, offset, y, len(x), 2.0)
    return y


@needs_compiler
def test_a_source_is_compiled_once_and_called(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.arange(3.0, dtype=torch.float64)
    assert doubled(Native(source), x).tolist() == [0, 2, 4]
    monkeypatch.setattr(native, "_compile", lambda *_: pytest.fail("compiled again"))
    assert doubled(Native(source), x, torch.ones(1, dtype=torch.float64)).tolist() == [1, 3, 5]


@needs_compiler
def test_a_changed_source_is_another_library(source: Path) -> None:
    x = torch.ones(1, dtype=torch.float64)
    assert doubled(Native(source), x).tolist() == [2]
    source.write_text(DOUBLED.replace("factor *", "2 * factor *"))
    assert doubled(Native(source), x).tolist() == [4]


@needs_compiler
def test_two_processes_at_once(source: Path, tmp_path: Path) -> None:
    program = "import sys, pathlib, seqlab.kernels.native as n; assert n.Native(pathlib.Path(sys.argv[1])).usable()"
    both = [subprocess.Popen([sys.executable, "-c", program, str(source)]) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    assert [file.suffix for file in (tmp_path / "compiled").iterdir()] == [".so"]


def test_without_a_compiler(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEQLAB_COMPILER", "/nonexistent")
    assert not Native(source).usable()
    assert Native(source).fault() == "there is no C++ compiler"
    assert native.failures() == {}


def test_a_failure_is_kept_and_not_repeated(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    count = tmp_path / "count"
    script = f"echo x >> {count}; echo 'a.cpp:1: error: the compiler is on strike' >&2; exit 1"
    monkeypatch.setenv("SEQLAB_COMPILER", compiler(tmp_path, script))
    for _ in range(2):
        kernel = Native(source)
        assert not kernel.usable()
        assert "on strike" in (kernel.fault() or "")
        assert "on strike" in (kernel.failure() or "")
    assert count.read_text() == "x\n"


@needs_compiler
def test_a_failure_of_long_ago_is_tried_again(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("SEQLAB_COMPILER", compiler(tmp_path, f"exec {native.find_compiler()} /nonexistent.cpp"))
        patch.setattr(native, "_version", lambda path: "the same")
        assert not Native(source).usable()
    (marker,) = (tmp_path / "compiled").glob("*.failed")
    monkeypatch.setattr(native, "_version", lambda path: "the same")
    assert Native(source).failure() is not None
    assert not Native(source).usable()
    long_ago = time.time() - 2 * native.RETRY_SECONDS
    os.utime(marker, (long_ago, long_ago))
    assert Native(source).failure() is None
    assert Native(source).usable()
    assert not marker.exists()


@needs_compiler
def test_a_failure_beside_another_process_that_succeeded(source: Path, tmp_path: Path) -> None:
    """Of many processes that compile at once, the slow ones may take more than the limit."""
    assert Native(source).usable()
    (library,) = (tmp_path / "compiled").glob("*.so")
    library.with_suffix(".failed").write_text("took more than 60 s")
    assert Native(source).usable()
    assert Native(source).failure() is None


def test_a_compiler_that_hangs_is_given_up(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEQLAB_COMPILER", compiler(tmp_path, "sleep 30"))
    monkeypatch.setattr(native, "LIMIT_SECONDS", 0.1)
    begun = time.monotonic()
    assert "more than" in (Native(source).fault() or "")
    assert time.monotonic() - begun < 10


def test_a_folder_that_cannot_be_written(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEQLAB_COMPILER", compiler(tmp_path, "exit 1"))
    monkeypatch.setenv("SEQLAB_KERNELS", str(source / "below a file"))
    assert "cannot be used" in (Native(source).fault() or "")
    assert "cannot be written" in (Native(source).failure() or "")


def test_compiled_models_take_torchs_operations(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    assert not Native(source).usable()


def test_a_library_that_cannot_be_loaded_is_told(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEQLAB_COMPILER", compiler(tmp_path, 'while [ "$1" != -o ]; do shift; done; echo x > "$2"'))
    assert Native(source).failure() is None
    assert not Native(source).usable()
    assert "cannot be used" in (Native(source).failure() or "")


@pytest.mark.parametrize("empty", [(0, 3, 1, 4), (1, 0, 1, 4), (1, 3, 1, 0)])
def test_nothing_is_read_where_there_is_nothing(empty: tuple[int, ...]) -> None:
    assert not NATIVE.serves(torch.zeros(empty))
