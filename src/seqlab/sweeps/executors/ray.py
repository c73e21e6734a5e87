"""Ray: a task for each trial, on whatever nodes a cluster has; Ray gives the task of a dead node to another one.

Every node has seqlab for the Python that Ray uses there, and sees the folder of the runs under the same path.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from seqlab.sweeps.engines.node import Assignment
from seqlab.sweeps.engines.options import Options
from seqlab.sweeps.engines.ray_launch import Driver, knock
from seqlab.sweeps.engines.ray_order import Order
from seqlab.sweeps.executors import Executor, ExecutorError
from seqlab.sweeps.record import Sweep, Trial
from seqlab.sweeps.stopping import is_stopping
from seqlab.sweeps.watch import Following, SweepWatch
from seqlab.train.signals import Signals

__all__ = ["Ray"]

ENGINE = "ray"
POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Ray(Executor):
    """`--on ray[:ADDRESS][,cpus=N][,gpus=N]`; without an address RAY_ADDRESS, else a cluster of this machine alone."""

    def carry_out(self, sweep: Sweep, trials: Sequence[Trial], watch: SweepWatch) -> None:
        options = Options.read(ENGINE, self.place)
        options.only(("cpus", "gpus"))
        order = self._order(sweep, trials, options)
        if importlib.util.find_spec("ray") is None:
            raise ExecutorError("Ray is not installed; `pip install 'seqlab[ray]'` brings it")
        knock(order.address, sweep)
        following = Following(sweep, trials, watch)
        following.look()
        with Signals() as signals, Driver(sweep, order) as driver:
            while driver.goes_on(watch):
                time.sleep(POLL_SECONDS)
                following.look()
                if is_stopping(sweep) or signals.reason:
                    driver.end(watch)
                    break
            following.look()
            if not (following.is_done or is_stopping(sweep) or signals.reason):
                raise driver.left_over()

    def _order(self, sweep: Sweep, trials: Sequence[Trial], options: Options) -> Order:
        cpus, gpus, folder = options.whole("cpus", 1), options.whole("gpus", 0), str(Path.cwd())
        assignments = [Assignment(str(sweep.folder), trial.id, ENGINE, cpus, folder) for trial in trials]
        return Order(options.place, cpus, gpus, self.slots, assignments)
