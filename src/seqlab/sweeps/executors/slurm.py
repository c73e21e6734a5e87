"""Slurm: an array of jobs, one a trial, through submitit. The queue is Slurm's; a job that is cut goes on by itself.

Every run is recorded before it is submitted, so `seqlab ls` lists it with its place in Slurm's queue. The launcher only
looks on: where it is killed the jobs go on, and `seqlab sweep --continue` attaches to them.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Sequence
from dataclasses import dataclass

from seqlab.sweeps.engines.array import Array
from seqlab.sweeps.engines.options import Options
from seqlab.sweeps.engines.sbatch import parameters
from seqlab.sweeps.engines.squeue import ENGINE
from seqlab.sweeps.executors import Executor, ExecutorError
from seqlab.sweeps.record import Sweep, Trial
from seqlab.sweeps.stopping import is_stopping
from seqlab.sweeps.watch import Following, SweepWatch
from seqlab.train.signals import Signals

__all__ = ["Slurm"]

POLL_SECONDS = 0.5
"""Between two looks at the sweep's own queue, which is a file."""


@dataclass(frozen=True)
class Slurm(Executor):
    """`--on slurm[:PARTITION][,time=MINUTES][,cpus=N][,gpus=N][,memory=4G][,NAME=VALUE]`, the last as sbatch has it."""

    def carry_out(self, sweep: Sweep, trials: Sequence[Trial], watch: SweepWatch) -> None:
        options = Options.read(ENGINE, self.place)
        parameters(options)
        if importlib.util.find_spec("submitit") is None:
            raise ExecutorError("Slurm needs submitit, which is not installed; `pip install 'seqlab[slurm]'` brings it")
        array, following = Array(sweep, trials, options, self.slots, watch), Following(sweep, trials, watch)
        with Signals() as signals:
            following.look()
            array.tend(following)
            while not (following.is_done or is_stopping(sweep) or signals.reason):
                time.sleep(POLL_SECONDS)
                following.look()
                array.tend(following)
            if not following.is_done:
                array.end()
        following.look()
