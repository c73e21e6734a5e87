"""Whole-process times: `seqlab --help`, `ls` and `journal` over 1,000 runs, `show` with 100,000 metric lines."""

from __future__ import annotations

import functools
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from seqlab.bench import Options, Row
from seqlab.bench.shared import processes
from seqlab.bench.shared.timing import alternate
from seqlab.journal import LabBook, Run

__all__ = ["measure"]

RUNS, LINES = 1000, 100_000
TARGETS = {"--help": 0.2, "ls": 0.5, "journal": 1.0, "show": 0.5}
"""Seconds."""
NOTHING = "python -c pass"


def measure(options: Options) -> list[Row]:
    """Seconds of each command, alternating, beside those of a Python that does nothing."""
    runs, lines = (3, 20) if options.quick else (RUNS, LINES)
    with TemporaryDirectory(prefix="seqlab-bench-") as folder:
        book, one = Path(folder, "many"), Path(folder, "one")
        _many_runs(book, runs)
        _recorded(one, lines)
        commands = {
            NOTHING: [sys.executable, "-c", "pass"],
            "--help": _seqlab("--help"),
            "ls": _seqlab("ls", "--runs", str(book)),
            "journal": _seqlab("journal", "--runs", str(book)),
            "show": _seqlab("show", "long", "--runs", str(one)),
        }
        functions = {name: functools.partial(processes.run, command) for name, command in commands.items()}
        times = alternate(functions, rounds=1 if options.quick else 7, warm_up=1)
    nothing = times[NOTHING].median
    what = {NOTHING: NOTHING, "--help": "seqlab --help", "ls": f"seqlab ls, {runs:,} runs"}
    what["journal"] = f"seqlab journal, {runs:,} runs"
    what["show"] = f"seqlab show, {lines:,} lines"
    return [
        timing.row(what[name], "s", target=TARGETS.get(name), ratio=timing.median / nothing, peer=NOTHING)
        for name, timing in times.items()
    ]


def _seqlab(*arguments: str) -> list[str]:
    return processes.module("seqlab.cli.main", *arguments)


def _recorded(root: Path, lines: int) -> Run:
    """A finished run with so many metric lines, written by the journal itself."""
    experiment = {"part": "Experiment", "optim": {"part": "optim/optimisers/adamw", "lr": 1e-3}, "seed": 0}
    machine = {
        "host": "here", "device": "cpu", "processor": "some", "threads": 1, "compute_dtype": "float32", "torch": "2",
    }  # fmt: skip
    argv = ["seqlab", "run", "bench:start", "seed=0"]
    origin = {"recipe": "bench:start", "argv": argv, "overrides": ["seed=0"], "environment": machine}
    run = LabBook(root).create(experiment, name="long", origin=origin, tags=("bench",), why="bench")
    with run.attempt() as attempt:
        for step in range(1, lines + 1):
            metrics: dict[str, Any] = {"train/loss": 2 + 1 / step, "train/lr": 1e-3, "val_subset/loss": 2 + 2 / step}
            attempt.log(step=step, **metrics)
        attempt.summarise(step=lines, steps=lines, tokens=lines, floors={"uniform": {"nats_per_symbol": 5.5}})
    return run


def _many_runs(root: Path, count: int) -> None:
    """So many finished runs: copies of one, since writing each durably takes longer than the whole benchmark.

    Every other one is a fork of the first, with a note.
    """
    first = _recorded(root, 20)
    for number in range(1, count):
        folder = root / f"copy-{number}"
        shutil.copytree(first.folder, folder)
        if number % 2:
            (folder / "parent.json").write_text('{"run": "long", "step": 20, "inherited": ["weights"]}')
            (folder / "notes.jsonl").write_text('{"time": "2026-11-25T12:00:00.000000+00:00", "text": "no better"}\n')
