"""What a run descends from, and which runs a bug has tainted. Computed by readers, never stored."""

from collections.abc import Iterable, Mapping

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


def _ancestors(run: Run, known: Mapping[str, Run]) -> list[Run]:
    line: list[Run] = []
    while run.parent is not None:
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
