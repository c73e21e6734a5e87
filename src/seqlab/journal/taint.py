"""Which runs a bug has tainted: those with that verdict, and all that descend from them. Computed, never stored."""

from collections.abc import Iterable

from seqlab.journal.described import Described
from seqlab.journal.errors import JournalError
from seqlab.journal.lineage import Family, R


def taints(runs: Iterable[Described]) -> dict[str, str]:
    """Name -> why it is tainted, for every run whose newest verdict, or an ancestor's, is `bug`.

    A bug reaches its descendants out of the archive too, so hand in all runs of the lab book.
    """
    everything = list(runs)
    faulty = {run.name for run in everything if run.verdict == "bug"}
    if not faulty:
        return {}
    return {name: _told(name, culprit) for name, culprit in _nearest(everything, faulty).items() if culprit is not None}


def _told(name: str, culprit: str) -> str:
    return "its verdict is bug" if name == culprit else f"it descends from {culprit}, whose verdict is bug"


def _nearest(runs: Iterable[Described], faulty: Iterable[str]) -> dict[str, str | None]:
    """For every run the first faulty one upwards from it, itself included; each step of a lineage is taken once."""
    everything = list(runs)
    family = Family(everything)
    found: dict[str, str | None] = {name: name for name in faulty}
    for run in everything:
        line: list[str] = []
        here: Described | None = run
        while here is not None and here.name not in found:
            found[here.name] = None  # so that a circle made by hand ends here
            line.append(here.name)
            here = _parent(here, family)
        found |= dict.fromkeys(line, found[here.name] if here else None)
    return found


def _parent(run: Described, family: Family[R]) -> R | None:
    """The run that it inherits from; None where there is none, or its record cannot be read."""
    try:
        return family.inherits_from(run)
    except JournalError:
        return None
