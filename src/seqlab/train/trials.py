"""Experiments tried at the place where a fork begins: each is built, read once, and let go."""

from __future__ import annotations

from collections.abc import Callable

from seqlab.experiment import Experiment
from seqlab.train.readback import LearningRates, Reading, learning_rates, read
from seqlab.train.start import built
from seqlab.train.start import read as read_task
from seqlab.train.training import Training

__all__ = ["Trials"]


class Trials:
    """What experiments do where a fork of `t` begins; at most one of them is in memory beside the fork.

    begin: puts a new training to that place. The data is that of the fork, read again only for another task.
    """

    def __init__(self, parent: Experiment, t: Training, begin: Callable[[Training], None]) -> None:
        self._begin = begin
        self._evaluates = parent.task != t.experiment.task
        self._tasks = {t.experiment.task: t.task}
        self._known: dict[Experiment, tuple[Reading, LearningRates]] = {}

    def read(self, experiment: Experiment) -> Reading:
        """What an experiment does from there on; raises what keeps it from going on."""
        return self._tried(experiment)[0]

    def rates(self, experiment: Experiment) -> LearningRates:
        """Its learning rates."""
        return self._tried(experiment)[1]

    def _tried(self, experiment: Experiment) -> tuple[Reading, LearningRates]:
        if experiment not in self._known:
            if experiment.task not in self._tasks:
                self._tasks[experiment.task] = read_task(experiment)
            task = self._tasks[experiment.task]
            task.check_batch(experiment.batch.size)
            t = built(experiment, task)
            self._begin(t)
            rates = learning_rates(t)
            self._known[experiment] = read(t, evaluation=self._evaluates), rates
        return self._known[experiment]
