"""What a run descends from, and which runs a bug has tainted. Computed by readers, never stored."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from seqlab.journal.run import Run


def ancestors(run: Run, runs: Iterable[Run]) -> list[Run]:
    """The runs that `run` was forked from, its parent first, as far as they are among `runs`."""
    return _ancestors(run, by_every_name(runs))


def taints(runs: Iterable[Run]) -> dict[str, str]:
    """Name -> why it is tainted, for every run whose newest verdict, or an ancestor's, is `bug`."""
    everything = list(runs)
    found = {run.name: "its verdict is bug" for run in everything if run.verdict == "bug"}
    faulty = set(found)
    if not faulty:
        return found
    known = by_every_name(everything)
    for run in everything:
        for ancestor in _ancestors(run, known):
            if ancestor.name in faulty:
                found.setdefault(run.name, f"it descends from {ancestor.name}, whose verdict is bug")
    return found


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
    for index, one in enumerate(line):
        parent = one.parent
        if index and parent is not None:
            marks.append(Mark(parent["step"], one.name, list(parent.get("took_effect", []))))
        end = (line[index + 1].parent or {}).get("step") if index + 1 < len(line) else None
        for step, value in zip(*one.metrics.curve(metric), strict=True):
            if end is None or step <= end:
                steps.append(step)
                values.append(value)
    return steps, values, marks


def _ancestors(run: Run, known: Mapping[str, Run]) -> list[Run]:
    line: list[Run] = []
    while run.parent is not None and run.parent.get("kind") != "rerun":  # which inherits nothing
        parent = known.get(run.parent["run"])
        if parent is None or parent in line:  # a parent that was deleted; a circle made by hand
            break
        line.append(parent)
        run = parent
    return line


def by_every_name(runs: Iterable[Run]) -> dict[str, Run]:
    """The runs by their names, those they had before included: a fork knows its parent by the name of that day."""
    everything = list(runs)
    former = {name: run for run in everything for name in run.former_names()}
    return former | {run.name: run for run in everything}
