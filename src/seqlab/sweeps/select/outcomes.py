"""What became of the trials of a sweep, from the record: the runs that count, and why the others do not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from seqlab.journal import JournalError, LabBook, Run
from seqlab.journal.lineage import by_every_name
from seqlab.journal.taint import taints
from seqlab.sweeps.errors import SweepError
from seqlab.sweeps.queue import Queue, Standing
from seqlab.sweeps.record import Sweep, Trial

__all__ = ["Outcome", "check_floors", "outcomes"]

ROUNDING = 1e-9
"""Floors that differ by a smaller share are the same, computed in another order."""


@dataclass(frozen=True)
class Outcome:
    """A trial and its run, if there is one; `problem` says why it does not count, None that it does."""

    trial: Trial
    run: Run | None
    problem: str | None = None
    is_tainted: bool = False


def outcomes(sweep: Sweep) -> list[Outcome]:
    """The outcome of every trial. A run counts when it has finished and no bug has tainted it."""
    standings = Queue(sweep).standings()
    runs = _Runs(sweep.book)
    return [_outcome(trial, standings.get(trial.id, Standing()), runs) for trial in sweep.trials().values()]


class _Runs:
    """The runs of a lab book by name, with their taints."""

    def __init__(self, book: LabBook) -> None:
        self._everything = book.everything()
        self._by_name = {run.name: run for run in self._everything}
        self._former: dict[str, Run] | None = None
        self.taints = taints(self._everything)

    def find(self, name: str) -> Run | None:
        """The run of this name, or that had it."""
        if name in self._by_name:
            return self._by_name[name]
        if self._former is None:  # to ask every run for its old names takes a while
            self._former = by_every_name(self._everything)
        return self._former.get(name)


def _outcome(trial: Trial, standing: Standing, runs: _Runs) -> Outcome:
    seed = f"seed {trial.seed}"
    if standing.run is None:
        return Outcome(trial, None, f"{seed}: {_unstarted(standing)}")
    run = runs.find(standing.run)
    if run is None:
        return Outcome(trial, None, f"{seed}: the run {standing.run} is gone")
    if run.name in runs.taints:
        return Outcome(trial, run, f"{seed}: {run.name} is tainted: {runs.taints[run.name]}", is_tainted=True)
    try:
        state = run.state()
    except JournalError as error:
        return Outcome(trial, run, f"{seed}: {run.name} cannot be read: {error}")
    if state.name not in ("finished", "imported"):
        return Outcome(trial, run, f"{seed}: {run.name} is {state.name} ({state.evidence})")
    return Outcome(trial, run)


def _unstarted(standing: Standing) -> str:
    if standing.kind == "ended":
        return f"it {standing.state} before there was a run{f' ({standing.evidence})' if standing.evidence else ''}"
    return "it has not been run" if standing.is_free else "it is about to start"


def check_floors(runs: Iterable[Run]) -> None:
    """Raise SweepError where two runs do not have the same floors: numbers of different tasks have no best."""
    first: tuple[Run, Mapping[str, Any]] | None = None
    for run in runs:
        floors = run.summary.get("floors") or {}
        if first is None:
            first = run, floors
            continue
        for floor, metric, here, there in _differing(first[1], floors):
            raise SweepError(
                f"{first[0].name} and {run.name} have different floors ({floor} {metric} {here:g} and {there:g}): they "
                "were measured on different tasks and have no common best; select from one task at a time"
            )


def _differing(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterable[tuple[str, str, float, float]]:
    for floor in a.keys() & b.keys():
        for metric in a[floor].keys() & b[floor].keys():
            here, there = a[floor][metric], b[floor][metric]
            if isinstance(here, int | float) and abs(here - there) > ROUNDING * abs(here):
                yield floor, metric, here, there
