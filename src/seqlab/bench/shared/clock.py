"""Seconds a step of a whole training loop, with a run folder and all that follows a step."""

from __future__ import annotations

import time
from collections.abc import Mapping

from seqlab.bench import Interrupted
from seqlab.experiment import Experiment
from seqlab.train.loop import train
from seqlab.train.start import prepare, record
from seqlab.train.watch import Progress, Watch

__all__ = ["WARM_UP", "Clock", "step_seconds"]

WARM_UP = 30
"""Steps, with the early checkpoint in them."""


def step_seconds(what: str, experiment: Experiment, folder: str) -> float:
    """Seconds a step of a run in a folder, behind the warm-up. Raises Interrupted, with what was measured."""
    prepared, clock = prepare(experiment, folder), Clock()
    Interrupted.check(train(prepared.training, record(prepared), clock), what)
    return clock.step_seconds


class Clock(Watch):
    """Reads the clock at the metrics lines of the training loss, behind the warm-up."""

    def __init__(self) -> None:
        self._read: list[tuple[int, float]] = []

    def metrics(self, progress: Progress, values: Mapping[str, float]) -> None:
        if "train/loss" in values and progress.step >= WARM_UP:
            self._read.append((progress.step, time.perf_counter()))

    @property
    def step_seconds(self) -> float:
        """Seconds a step, from the first reading to the last."""
        (first, began), *_, (last, ended) = self._read
        return (ended - began) / (last - first)
