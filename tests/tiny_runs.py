"""A short text, a tiny experiment over it, and runs of it that live in a temporary lab book."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from seqlab.channels.mlp import MLP
from seqlab.experiment import Batching, Budget, Evaluation, Experiment, Snapshots
from seqlab.journal import Run
from seqlab.mixers.attention import Attention
from seqlab.models import Block
from seqlab.models.lm import LM
from seqlab.optim.schedules.constant import Constant
from seqlab.tasks.text import Text
from seqlab.train.start import prepare, record, resume
from seqlab.train.step import optimiser_step
from seqlab.train.training import Training
from seqlab.train.watch import Progress, Watch

WORDS = "the quick brown fox jumps over the lazy dog while seven wizards brew a potion of seaweed and sand"


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own for runs and caches; no test cuts the power, so none waits for the disk."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEQLAB_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("SEQLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    return tmp_path


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """A text of about 4,000 bytes."""
    return text_in(tmp_path)


def text_in(folder: Path) -> Path:
    """The same text in any folder."""
    path, words = folder / "text.txt", WORDS.split()
    path.write_text(" ".join(words[index * index % 19] for index in range(900)))
    return path


@pytest.fixture
def tiny(text: Path) -> Experiment:
    """Width 16, two layers, eight steps in float32, saved and evaluated every other step."""
    return tiny_over(text)


def tiny_over(text: Path) -> Experiment:
    """The same experiment over any text."""
    return Experiment(
        task=Text(path=str(text), length=16, subset_bytes=64),
        model=LM(dim=16, layers=(Block(mixer=Attention(heads=2, position="rotary"), channel=MLP(expansion=2.0)),) * 2),
        schedule=Constant(),
        budget=Budget(steps=8),
        batch=Batching(size=4),
        evaluation=Evaluation(every_steps=2, log_every_steps=1),
        snapshots=Snapshots(every_steps=2),
        precision="float32",
        device="cpu",
    )


def in_memory(experiment: Experiment) -> Training:
    """A training that writes nothing."""
    return prepare(experiment).training


def queued(experiment: Experiment, name: str = "run") -> Run:
    """A run folder that nobody has trained yet."""
    return record(prepare(experiment), name=name)


def carried_out(experiment: Experiment, name: str = "run", watch: Watch | None = None) -> tuple[Run, Training, str]:
    """A run, trained until it ends."""
    run = queued(experiment, name)
    training, state = resume(run, watch)
    assert training is not None
    return run, training, state


class At(Watch):
    """Does something at the metrics line of the training loss at one step, and keeps the messages."""

    def __init__(self, step: int, action: Callable[[], object]) -> None:
        self.step, self.action, self.messages = step, action, list[str]()

    def metrics(self, progress: Progress, values: Mapping[str, float]) -> None:
        if progress.step == self.step and "train/loss" in values:
            self.action()

    def message(self, text: str) -> None:
        self.messages.append(text)


def stopped(run: Run, at: int) -> Training:
    """The run, trained until a stop is requested at a step."""
    training, state = resume(run, At(at, run.request_stop))
    assert (state, run.state().name) == ("stopped", "stopped")
    assert training is not None
    return training


def lines(run: Run) -> list[dict[str, Any]]:
    """The metrics lines that count, without what depends on the clock, the attempt or the machine."""
    forgotten = ("attempt", "wall_seconds", "speed/tokens_per_second", "memory/bytes")
    return [{name: value for name, value in line.items() if name not in forgotten} for line in run.metrics.lines()]


def gradients(training: Training, monkeypatch: pytest.MonkeyPatch) -> dict[str, Tensor]:
    """The masters' gradients just before the optimiser's step."""
    found: dict[str, Tensor] = {}

    def keep() -> None:
        for name, p in training.model.named_parameters():
            assert p.grad is not None, name
            found[name] = p.grad.clone()

    monkeypatch.setattr(training.optimiser, "step", keep)
    optimiser_step(training)
    return found
