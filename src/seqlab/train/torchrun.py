"""A run trained by several processes of this machine: started with torchrun, followed by its record, asked to end."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import torch

from seqlab.experiment import Distribution
from seqlab.journal import JournalError, Run
from seqlab.journal.digest import number, read_metrics
from seqlab.train.load import experiment_of
from seqlab.train.signals import Signals
from seqlab.train.watch import Progress, Watch

__all__ = ["ProcessesFailed", "train_together"]

POLL_SECONDS = 0.1


class ProcessesFailed(JournalError):
    """Processes that ended before the record knew of them: one sentence."""


def train_together(run: Run, watch: Watch | None = None, deadline: float | None = None) -> str:
    """Start or resume a run on as many processes of this machine as it asks for; returns the state that was recorded,
    or, where they were asked to end before they began, in which it would have ended.

    They share the threads that this process has. deadline: seconds since the epoch. What they print lies in the
    attempt's processes.log. Raises ProcessesFailed when they end by themselves without an attempt.
    """
    before = len(run.attempts())
    with Signals(deadline) as signals, TemporaryFile() as printed:
        started = _started(run, experiment_of(run).distribution, deadline, printed)
        try:
            _follow(run, started, signals, watch or Watch())
        except BaseException:
            started.terminate()  # they save and end: nobody trains on unseen
            started.wait()
            raise
        printed.seek(0)
        told = printed.read().decode(errors="replace")
    attempts = run.attempts()
    if len(attempts) == before:
        if signals.reason is not None:
            return signals.reason
        raise ProcessesFailed(f"the processes of {run.name} ended before they trained; they printed:\n{told}")
    (attempts[-1]["folder"] / "processes.log").write_text(told, encoding="utf-8")
    return run.state().name


def _started(run: Run, asked: Distribution, deadline: float | None, printed: IO[bytes]) -> subprocess.Popen[bytes]:
    """The processes, in a session of their own: a Ctrl-C of the terminal does not reach them. Asked to end, each has as
    long to save as the others would wait for it."""
    worker = ["-m", "seqlab.train.worker", str(run.folder)]
    if deadline is not None:
        worker += ["--deadline", str(max(0.0, deadline - time.time()))]
    return subprocess.Popen(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={asked.processes}", *worker],
        env={
            **os.environ,
            "OMP_NUM_THREADS": str(max(1, torch.get_num_threads() // asked.processes)),
            "TORCH_ELASTIC_SHUTDOWN_TIMEOUT": str(math.ceil(60 * asked.patience_minutes)),
        },
        stdin=subprocess.DEVNULL,
        stdout=printed,
        stderr=printed,
        start_new_session=True,
    )


def _follow(run: Run, started: subprocess.Popen[bytes], signals: Signals, watch: Watch) -> None:
    """Tell the watch what the record says until the processes have ended; hand on a request to end, once."""
    place, asked = run.folder / "metrics.jsonl", False
    end = read_metrics(place).end if place.exists() else 0
    while started.poll() is None:
        if signals.reason is not None and not asked:
            asked = _ask_to_end(run, started, signals.reason)
        end = _tell(run, place, end, watch)
        time.sleep(POLL_SECONDS)
    _tell(run, place, end, watch)


def _ask_to_end(run: Run, started: subprocess.Popen[bytes], reason: str) -> bool:
    """Whether the request was handed on: one to stop needs an attempt that can read it."""
    if reason != "stopped":  # torchrun hands its SIGTERM on; a deadline the processes know themselves
        if reason == "preempted":
            started.terminate()
        return True
    if run.state().name != "running":
        return False
    run.request_stop()
    return True


def _tell(run: Run, place: Path, start: int, watch: Watch) -> int:
    """Hand on the metric lines since a place in the file; returns the place after them."""
    if not place.exists():
        return start
    lines = read_metrics(place, start)
    for line in lines.records:
        values = {name: number(value) for name, value in line.items() if "/" in name}
        if values:
            watch.floors(run.summary.get("floors", {}))
            watch.metrics(_progress(run, line["step"], values), values)
    return lines.end


def _progress(run: Run, step: int, values: dict[str, float]) -> Progress:
    steps, rate = run.summary.get("steps"), values.get("speed/tokens_per_second", 0.0)
    return Progress(step, steps, rate, None, int(values.get("memory/bytes", 0)))
