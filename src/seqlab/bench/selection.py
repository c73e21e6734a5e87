"""Selecting from 1,000 runs of 1,000 lines: the whole `seqlab select`, the first time and from the cache of columns."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from seqlab.bench import Options, Row
from seqlab.bench.shared import processes
from seqlab.bench.shared.timing import Timing
from seqlab.journal import LabBook, Run
from seqlab.sweeps.queue import Queue
from seqlab.sweeps.record import Sweep, Trial

__all__ = ["measure"]

SEEDS, LINES_OF_A_TASK = 5, 20
TARGETS = {"first": 6.0, "cached": 1.0}
"""Seconds."""
RULE = "mean(train/accuracy; last epoch of each task; last 50 % of tasks)"


def measure(options: Options) -> list[Row]:
    """Seconds of the command in an empty cache and in a filled one."""
    cells, lines, rounds = (2, 40, 1) if options.quick else (200, 1000, 3)
    with TemporaryDirectory(prefix="seqlab-bench-") as folder:
        book = LabBook(Path(folder, "runs"))
        _finished(book, cells, lines)
        command = processes.module("seqlab.cli.main", "select", "rates", "--by", RULE, "--runs", str(book.root))
        first = [_seconds(command, Path(folder, f"cache-{index}")) for index in range(rounds)]
        cached = [_seconds(command, Path(folder, "cache-0")) for _ in range(rounds)]
    what = f"seqlab select, {cells * SEEDS:,} runs of {lines:,} lines"
    return [
        Timing(tuple(times)).row(f"{what}, {name}", "s", target=TARGETS[name])
        for name, times in (("first", first), ("cached", cached))
    ]


def _seconds(command: Sequence[str], cache: Path) -> float:
    with patch.dict(os.environ, {"SEQLAB_CACHE": str(cache)}):
        started = time.perf_counter()
        processes.run(command)
        return time.perf_counter() - started


def _finished(book: LabBook, cells: int, lines: int) -> None:
    """A sweep of so many cells whose runs are copies of one: each written durably would take minutes."""
    sweep = Sweep(book, "rates")
    trials = [
        Trial(f"{cell}-{seed}", f"{cell}", seed, {"optim.lr": 10.0 ** (cell / 20)})
        for cell in range(cells)
        for seed in range(SEEDS)
    ]
    sweep.extend(trials, {trial.cell: {"seed": 0} for trial in trials}, {"recipe": "bench:selection"})
    first = _recorded(book, lines)
    text = (first.folder / "metrics.jsonl").read_text()
    for trial in trials:
        folder = book.root / f"run-{trial.id}"
        shutil.copytree(first.folder, folder)
        (folder / "metrics.jsonl").write_text(text.replace('"train/accuracy":0.5', f'"train/accuracy":0.5{trial.cell}'))
    with patch("os.fsync", lambda descriptor: None):  # nothing here is to survive a power cut
        for trial in trials:
            Queue(sweep).started(trial, f"run-{trial.id}")


def _recorded(book: LabBook, lines: int) -> Run:
    """A finished run of a stream of tasks, written by the journal itself."""
    run = book.create({"part": "experiment:Experiment", "seed": 0}, name="one", origin={})
    with run.attempt() as attempt:
        for step in range(lines):
            within = step % LINES_OF_A_TASK + 1
            attempt.log(
                step=step + 1, epoch=within / 10, task=step // LINES_OF_A_TASK + 1, tokens=1000 * (step + 1),
                **{"train/loss": 1 + 1 / (step + 1), "train/accuracy": 0.5 + within / 1000, "train/lr": 1e-3},
            )  # fmt: skip
        attempt.summarise(step=lines, steps=lines, floors={"chance": {"accuracy": 0.1}})
    return run
