"""As many updates in one call as can be taken without looking up."""

from __future__ import annotations

from collections.abc import Callable

from seqlab.train.cadence import updates_until_due
from seqlab.train.interventions import Metrics, follows
from seqlab.train.training import Training

__all__ = ["Updates"]


class Updates:
    """Called, it takes steps, at most so many, until one that something follows: a metrics line, an evaluation, a
    checkpoint, a method, a probe, the end of a task or of the budget. Returns what the last of them reports."""

    def __init__(self, t: Training, step: Callable[[], Metrics], most: int) -> None:
        self._t, self._step, self._most = t, step, most

    def __call__(self) -> Metrics:
        metrics: Metrics = {}
        for _ in range(updates_until_due(self._t, self._most)):
            metrics = self._step()
            if follows(self._t, self._t.step):
                break
        return metrics
