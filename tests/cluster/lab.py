"""A lab book, a recipe whose every step takes a known time, and the command line as a person types it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from seqlab.journal import LabBook, Run

__all__ = ["Lab", "descendants", "printed", "until"]

RECIPE = '''\
"""Width 16, one layer, so many steps, and a probe that takes its time."""

import time
from pathlib import Path

from seqlab.channels.mlp import MLP
from seqlab.experiment import Batching, Budget, Evaluation, Experiment, Snapshots
from seqlab.mixers.attention import Attention
from seqlab.models import Block
from seqlab.models.lm import LM
from seqlab.probes import Probe
from seqlab.tasks.text import Text


class Sleep(Probe):
    """Measures nothing, and makes a step last as long as a file says."""

    def measure(self, model, inputs):
        time.sleep(float(Path("seconds_a_step").read_text()))
        return {self.metric("slept"): 1.0}


def trial():
    """Twelve steps."""
    return Experiment(
        task=Text(path=str(Path(__file__).parent / "text.txt"), length=16, subset_bytes=64),
        model=LM(dim=16, layers=(Block(mixer=Attention(heads=2), channel=MLP(expansion=2.0)),)),
        budget=Budget(steps=12),
        batch=Batching(size=4),
        probes=(Sleep(every_steps=1),),
        evaluation=Evaluation(every_steps=4),
        snapshots=Snapshots(every_steps=4),
        precision="float32",
        device="cpu",
    )
'''
WORDS = "the quick brown fox jumps over the lazy dog while seven wizards brew a potion of seaweed and sand"


class Lab:
    """A folder with a recipe, a text and runs; what is started in it sees `environment` besides."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.environment = {**os.environ, "SEQLAB_CACHE": str(folder / "cache"), **environment}
        self.environment.setdefault("OMP_NUM_THREADS", "1")
        words = WORDS.split()
        (folder / "text.txt").write_text(" ".join(words[index * index % 19] for index in range(900)))
        (folder / "mine.py").write_text(RECIPE)
        self.pace(0.0)
        self.book = LabBook(folder / "runs")

    def pace(self, seconds_a_step: float) -> None:
        """From now on, in all runs."""
        (self.folder / "seconds_a_step").write_text(str(seconds_a_step))

    def start(self, *words: str) -> subprocess.Popen[str]:
        """`seqlab WORDS` in the folder, not waited for."""
        return subprocess.Popen(
            [sys.executable, "-m", "seqlab.cli.main", *words],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def type(self, *words: str, code: int = 0) -> str:
        """What `seqlab WORDS` prints, and says on standard error, once it has ended with this exit code."""
        process = self.start(*words)
        out, err = process.communicate()
        assert process.returncode == code, f"seqlab {' '.join(words)}: exit code {process.returncode}\n{out}{err}"
        return out + err

    def trials(self, name: str) -> list[dict[str, Any]]:
        """How the trials of a sweep stand, as its queue tells."""
        from seqlab.sweeps.queue import Queue, Standing
        from seqlab.sweeps.record import Sweep

        sweep = Sweep.open(self.book, name)
        standings = Queue(sweep).standings()
        return [vars(standings.get(trial, Standing())) for trial in sweep.trials()]

    def alone(self, *words: str) -> None:
        """A sweep `alone` in this machine's own slots, each with one thread, as the engines' workers have."""
        self.pace(0.0)
        self.type("sweep", *words, "--name", "alone", "--slots", "2")

    def run(self, name: str) -> Run:
        """A run of the lab book."""
        return self.book.open(name)

    def weights(self, name: str) -> str:
        """The SHA-256 of the weights that a run ended with."""
        checkpoints = (self.run(name).folder / "checkpoints").iterdir()
        newest = max((path for path in checkpoints if path.name.isdigit()), key=lambda path: int(path.name))
        return hashlib.sha256((newest / "model.safetensors").read_bytes()).hexdigest()


def until(true: Callable[[], object], seconds: float = 180.0) -> None:
    """Wait until something is so; fails after so many seconds."""
    limit = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < limit, f"not so within {seconds:g} s"
        time.sleep(0.1)


def printed(text: str) -> dict[str, Any]:
    """The JSON in what a command printed."""
    found: dict[str, Any] = json.loads(text[text.index("{") :])
    return found


def descendants(pid: int) -> list[int]:
    """The processes that a process has started, and theirs."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [one for child in map(int, children) for one in (child, *descendants(child))]
