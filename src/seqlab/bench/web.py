"""The lab book in a browser: a table of 2,000 runs, a curve of a million points, 20 runs compared, a new line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch
from urllib.request import urlopen

from seqlab.bench import Options, Row
from seqlab.bench.shared import processes
from seqlab.bench.shared.timing import Timing
from seqlab.journal import LabBook, Run
from seqlab.journal.digest import Digest
from seqlab.journal.files import replace_json

__all__ = ["measure"]

LONG = "long-curve-1"
COMPARED = 20
METRICS = ("train/loss", "val_subset/loss", "val_subset/accuracy", "val_subset/bits_per_byte")
POLL = 0.5
"""Seconds between two questions of a page that follows a run."""
MB, KB = 1e6, 1e3


def measure(options: Options) -> list[Row]:
    """Seconds of whole answers, and the memory of the server behind them."""
    runs, lines, points, rounds = (30, 20, 2_000, 1) if options.quick else (2000, 300, 1_000_000, 5)
    with TemporaryDirectory(prefix="seqlab-bench-") as folder:
        book = LabBook(Path(folder, "runs"))
        _made(book, runs, lines, points)
        cache = Path(folder, "cache")
        with _server(book, cache) as (address, _):
            first = Timing((_seconds(f"{address}/runs"),))
        with _server(book, cache) as (address, process):
            cached = Timing((_seconds(f"{address}/runs"),))
            rows = [
                first.row(f"table of {runs:,} runs, nothing cached", "s"),
                cached.row(f"table of {runs:,} runs, the cache filled, a new server", "s", target=1.0),
                *_answers(address, points, rounds),
                _arrival(book, address, rounds),
                Row(what="the first page, all its files", value=_first_page(address) / KB, unit="kB", target=150.0),
                Row(what="peak memory of the server", value=_peak(process.pid) / MB, unit="MB", target=300.0),
            ]
    return rows


def _answers(address: str, points: int, rounds: int) -> Iterator[Row]:
    """Whole answers of a server that has seen the lab book."""
    chosen = "&".join(f"run=run-{index}" for index in range(COMPARED))
    curve = f"{address}/api/curves?run={LONG}&metric=train/loss"
    asked: dict[str, tuple[Callable[[], float], float]] = {
        "table again": (lambda: _seconds(f"{address}/runs"), 1.0),
        "journal": (lambda: _seconds(f"{address}/"), 1.0),
        f"curve of {points:,} points": (lambda: _seconds(curve), 0.5),
        f"comparison of {COMPARED} runs, its page and its curves": (
            lambda: _seconds(f"{address}/compare?{chosen}") + _seconds(f"{address}/api/curves?{chosen}"), 0.7,
        ),
    }  # fmt: skip
    for what, (ask, target) in asked.items():
        before = ask()
        yield Timing(tuple(ask() for _ in range(rounds))).row(what, "s", target=target, also={"s at first": before})


def _arrival(book: LabBook, address: str, rounds: int) -> Row:
    """Seconds from a line's end in the file to its sight by one who asks as the page does."""
    run = book.create({"seed": 0}, name="live-run-1", origin={})
    taken: list[float] = []
    loss: dict[str, Any] = {"train/loss": 1.0}
    with run.attempt() as attempt:
        for step in range(1, rounds + 1):
            offset = json.loads(_read(f"{address}/api/runs/{run.name}/lines"))["end"]
            attempt.log(step=step, **loss)
            started = time.perf_counter()
            time.sleep(POLL * step / rounds)  # the page asks at some moment within its pause
            while not json.loads(_read(f"{address}/api/runs/{run.name}/lines?from={offset}"))["lines"]:
                time.sleep(POLL)
            taken.append(time.perf_counter() - started)
    return Timing(tuple(taken)).row("a new line is seen", "s", target=1.0)


def _first_page(address: str) -> int:
    """Bytes of the journal and of every file that it names."""
    page = _read(f"{address}/").decode()
    parts = {part.partition('"')[0] for part in page.split('"/static/')[1:]}
    return len(page.encode()) + sum(len(_read(f"{address}/static/{part}")) for part in parts)


def _seconds(address: str) -> float:
    started = time.perf_counter()
    _read(address)
    return time.perf_counter() - started


def _read(address: str) -> bytes:
    with urlopen(address, timeout=120) as answer:
        data: bytes = answer.read()
    return data


def _peak(pid: int) -> float:
    """Bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return 1024 * float(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))


@contextmanager
def _server(book: LabBook, cache: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """`seqlab web` as a process of its own, and its address."""
    command = processes.module("seqlab.cli.main", "web", "--runs", str(book.root), "--port", "0", "--no-browser")
    environment = os.environ | {"SEQLAB_CACHE": str(cache)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[-1], process
        finally:
            process.terminate()


def _made(book: LabBook, count: int, lines: int, points: int) -> None:
    """A lab book of so many runs, copies of one: each written durably would take minutes. And one of a long curve."""
    with patch("os.fsync", lambda descriptor: None):  # nothing here is to survive a power cut
        first = _recorded(book, "run-0", lines)
        for index in range(1, max(count, COMPARED)):
            folder = book.root / f"run-{index}"
            shutil.copytree(first.folder, folder)
            origin = json.loads((folder / "origin.json").read_text())
            origin |= {"run_id": f"{index:016x}", "why": f"trial {index}"}
            (folder / "origin.json").write_text(json.dumps(origin))
        long = _recorded(book, LONG, 1)
    with (long.folder / "metrics.jsonl").open("a") as file:
        file.writelines(_line(step) for step in range(2, points + 1))
    digest = Digest()
    digest.extend(long.folder / "metrics.jsonl")
    replace_json(long.folder / "summary.json", {**long.summary, "metrics": digest.to_json()})  # as an attempt leaves it


def _line(step: int) -> str:
    """As an attempt writes it."""
    place = {"attempt": 1, "step": step, "epoch": step / 1000, "tokens": 10 * step, "wall_seconds": step / 100}
    return json.dumps({**place, "train/loss": 2 + step * 7919 % 1000 / 1000}, separators=(",", ":")) + "\n"


def _recorded(book: LabBook, name: str, lines: int) -> Run:
    """A finished run with the spec and the measurements of a small language model."""
    layer = {
        "part": "models/block",
        "mixer": {"part": "mixers/attention", "heads": 4},
        "channel": {"part": "channels/mlp"},
    }
    spec = {"part": "experiment:Experiment", "seed": 0, "model": {"part": "models/lm", "layers": [layer] * 8}}
    run = book.create(spec, name=name, origin={"recipe": "bench:web", "overrides": []}, tags=["bench"])
    with run.attempt() as attempt:
        for step in range(1, lines + 1):
            values: dict[str, Any] = dict.fromkeys(METRICS, 1 + 1 / step)
            attempt.log(step=step, epoch=step / 100, tokens=100 * step, **values)
        attempt.summarise(step=lines, steps=lines, floors={"uniform": {"nats_per_symbol": 5.5}})
    return run
