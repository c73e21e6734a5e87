"""What a run descends from. Computed by readers, never stored."""

from collections.abc import Iterable
from functools import cached_property
from typing import Any, Generic, NamedTuple, TypeVar

from seqlab.journal.described import Described
from seqlab.journal.errors import JournalError
from seqlab.journal.run import Run

R = TypeVar("R", bound=Described)


def ancestors(run: Run, runs: Iterable[Run]) -> list[Run]:
    """The runs that `run` was forked from, its parent first, as far as they are among `runs`."""
    return Family(runs).ancestors(run)


class Mark(NamedTuple):
    """Where a curve goes on in another run, and what changed there."""

    step: int
    run: str
    changes: list[str]


def ancestral_curve(run: Run, runs: Iterable[Run], metric: str) -> tuple[list[int], list[float], list[Mark]]:
    """One curve of a metric through all ancestors, each up to the step at which it was forked: steps, values, marks."""
    line = [*reversed(ancestors(run, runs)), run]
    steps: list[int] = []
    values: list[float] = []
    marks: list[Mark] = []
    begins = 0
    """The step of the whole curve at which the run of the line counts 0."""
    for index, one in enumerate(line):
        parent = one.parent
        if index and parent is not None:
            at = begins + parent["step"]
            marks.append(Mark(at, one.name, list(parent.get("took_effect", []))))
            begins = begins if "progress" in parent.get("inherited", ["progress"]) else at
        end = (line[index + 1].parent or {}).get("step") if index + 1 < len(line) else None
        for step, value in zip(*one.metrics.curve(metric), strict=True):
            if end is None or step <= end:
                steps.append(begins + step)
                values.append(value)
    return steps, values, marks


class Family(Generic[R]):
    """Who descends from whom among some runs: by the parent's id, which no renaming changes; by its name in records
    that are older than ids."""

    def __init__(self, runs: Iterable[R]) -> None:
        self._runs = list(runs)

    @cached_property
    def _by_name(self) -> dict[str, R]:
        return by_every_name(self._runs)

    @cached_property
    def _by_id(self) -> dict[str, R]:
        return {known: run for run in self._runs if (known := _id(run)) is not None}

    def parent(self, run: Described) -> R | None:
        """The run that this one was made from; None where there is none, or it is gone."""
        return self._among(run.parent)

    def inherits_from(self, run: Described) -> R | None:
        """The run that it was forked from: its parent, unless it carries that one out again and inherits nothing."""
        parent = run.parent
        return None if parent is None or parent.get("kind") == "rerun" else self._among(parent)

    def _among(self, parent: dict[str, Any] | None) -> R | None:
        if parent is None:
            return None
        known = parent.get("run_id")
        return self._by_id.get(known) if known is not None else self._by_name.get(parent["run"])

    def ancestors(self, run: Described) -> list[R]:
        """The runs that it was forked from, its parent first."""
        line: list[R] = []
        parent = self.inherits_from(run)
        while parent is not None and parent not in line:  # a circle made by hand ends
            line.append(parent)
            parent = self.inherits_from(parent)
        return line


def _id(run: Described) -> str | None:
    """Its id; None also where its origin cannot be read: it must not hide the others."""
    try:
        return run.id
    except JournalError:
        return None


def by_every_name(runs: Iterable[R]) -> dict[str, R]:
    """The runs by their names, those they had before included: a fork knows its parent by the name of that day."""
    everything = list(runs)
    former = {name: run for run in everything for name in run.former_names()}
    return former | {run.name: run for run in everything}
