"""This machine: warm workers in slots of cores, or of one device each, until the queue is empty."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from seqlab.sweeps.crew import work_through
from seqlab.sweeps.executors import Executor, ExecutorError, processes_of
from seqlab.sweeps.record import Sweep, Trial
from seqlab.sweeps.slots import Slots
from seqlab.sweeps.watch import SweepWatch

__all__ = ["Local"]


@dataclass(frozen=True)
class Local(Executor):
    """Worker processes on this machine. They go on when the process that started them is killed."""

    packs: ClassVar[bool] = True

    def room(self, trials: int, experiments: Iterable[Mapping[str, Any]]) -> Slots:
        may_use_devices = any(experiment.get("device") != "cpu" for experiment in experiments)
        return Slots.of(self.slots, math.ceil(trials / self.pack), on_devices=may_use_devices)

    def carry_out(self, sweep: Sweep, trials: Sequence[Trial], watch: SweepWatch) -> None:
        if self.place is not None:
            raise ExecutorError(f"`local` is this machine and has no place `{self.place}`; write --on local")
        experiments = [sweep.experiment(cell) for cell in {trial.cell for trial in trials}]
        if (most := max(map(processes_of, experiments))) > 1:
            raise ExecutorError(f"a cell of {sweep.name} asks for {most} processes; add --on torchrun")
        work_through(sweep, trials, watch, self.room(len(trials), experiments), self.pack)
