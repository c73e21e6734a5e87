"""What happens to a sweep, as it is told to whoever looks on: a terminal, a program, or nobody."""

from __future__ import annotations

from collections.abc import Iterable

from seqlab.sweeps.queue import Queue, Standing
from seqlab.sweeps.record import Sweep, Trial

__all__ = ["Following", "SweepWatch"]


class SweepWatch:
    """Looks on and does nothing; a display overrides what it shows."""

    def message(self, text: str) -> None:
        """Something worth a line: what an engine says, a worker that died."""

    def started(self, trial: Trial, standing: Standing) -> None:
        """A worker trains the trial's run."""

    def ended(self, trial: Trial, standing: Standing) -> None:
        """The trial has ended, or was handed back."""

    def waiting(self) -> None:
        """Nothing new; called a few times a second."""


class Following:
    """Tells a watch what the queue says of some trials, as it is said."""

    def __init__(self, sweep: Sweep, trials: Iterable[Trial], watch: SweepWatch) -> None:
        self._sweep, self._watch = sweep, watch
        self._trials = {trial.id: trial for trial in trials}
        self._told: dict[str, Standing] = {}
        self._size = -1
        self.standings: dict[str, Standing] = {}
        """Of the followed trials, as of the last look."""

    def look(self) -> None:
        """Tell what is new since the last look; what stood before the first one is not news."""
        size = self._sweep.queue_file.stat().st_size if self._sweep.queue_file.exists() else 0
        if size == self._size:
            self._watch.waiting()
            return
        is_first, self._size = self._size == -1, size
        known = Queue(self._sweep).standings()
        self.standings = {trial: known.get(trial, Standing()) for trial in self._trials}
        for trial, standing in self.standings.items():
            if not is_first and standing != self._told.get(trial, standing):
                self._tell(self._trials[trial], standing)
        self._told = self.standings

    def _tell(self, trial: Trial, standing: Standing) -> None:
        if standing.kind == "started":
            self._watch.started(trial, standing)
        elif standing.kind in ("ended", "returned"):
            self._watch.ended(trial, standing)

    @property
    def is_done(self) -> bool:
        """Whether none of the trials is waiting or held."""
        return all(standing.kind == "ended" for standing in self.standings.values())

    @property
    def free(self) -> int:
        """How many trials wait for a worker."""
        return sum(standing.is_free for standing in self.standings.values())
