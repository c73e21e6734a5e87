"""This machine as a whole for one run at a time: torchrun starts as many processes as its experiment asks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seqlab.sweeps.crew import work_through
from seqlab.sweeps.executors import Executor, ExecutorError
from seqlab.sweeps.record import Sweep, Trial
from seqlab.sweeps.slots import Slots, cores
from seqlab.sweeps.watch import SweepWatch

__all__ = ["Torchrun"]


@dataclass(frozen=True)
class Torchrun(Executor):
    """A worker with every core and device, which starts the processes of `distribution.processes` for each trial."""

    def room(self, trials: int, experiments: Iterable[Mapping[str, Any]]) -> Slots:
        return Slots(count=1, threads=len(cores()))

    def carry_out(self, sweep: Sweep, trials: Sequence[Trial], watch: SweepWatch) -> None:
        if self.place is not None:
            raise ExecutorError(f"`torchrun` is this machine and has no place `{self.place}`; write --on torchrun")
        if self.slots not in (None, 1):
            raise ExecutorError(f"`torchrun` gives the whole machine to one run; leave --slots {self.slots} out")
        work_through(sweep, trials, watch, self.room(len(trials), ()))
