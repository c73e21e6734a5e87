"""A lab book in a temporary folder, and processes that can be killed."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import seqlab.journal
from seqlab.journal import LabBook, Run

SOURCE = Path(seqlab.journal.__file__).parents[2]

TRAINER = """
import sys, time
from seqlab.journal import LabBook
root, name, resumed_from, steps = sys.argv[1], sys.argv[2], eval(sys.argv[3]), eval(sys.argv[4])
with LabBook(root).open(name).attempt(resumed_from=resumed_from) as attempt:
    for step in steps:
        attempt.log(step=step, **{"train/loss": 10.0 - step})
    print("ready", flush=True)
    while not attempt.stop_requested():
        time.sleep(0.005)
    attempt.finish("stopped", reason="asked to")
"""


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test cuts the power, and a kill loses nothing that was written; test_files checks the order."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture
def book(tmp_path: Path) -> LabBook:
    """An empty lab book."""
    return LabBook(tmp_path / "runs")


@pytest.fixture
def run(book: LabBook) -> Run:
    """A run without attempts."""
    return book.create({"optim": {"lr": 1e-3}, "seed": 1}, name="calm-lake-1", origin={"argv": ["x"]})


Train = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def train() -> Iterator[Train]:
    """Starts a process that trains a run until it is stopped; returns once it holds the lease."""
    started: list[subprocess.Popen[str]] = []

    def start(run: Run, resumed_from: int | None = None, steps: Any = "range(1, 6)") -> "subprocess.Popen[str]":
        arguments = [str(run.folder.parent), run.name, repr(resumed_from), steps]
        process = start_python(TRAINER, *arguments)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def python() -> Callable[..., "subprocess.Popen[str]"]:
    """Starts a process that runs some code with some arguments; its output is to be read."""
    return start_python


def start_python(code: str, *arguments: str) -> "subprocess.Popen[str]":
    """A process that runs `code`, its output readable."""
    return subprocess.Popen(
        [sys.executable, "-S", "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
