"""The entries of the lab book: of which runs, by name, filter, notebook and day."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from seqlab.journal import days
from seqlab.journal.book import LabBook, age_key
from seqlab.journal.entry import Entry, Writer
from seqlab.journal.errors import JournalError
from seqlab.journal.lineage import by_every_name
from seqlab.journal.notebook import Notebooks
from seqlab.journal.plan import Plan
from seqlab.journal.run import Run
from seqlab.journal.where import select


class Entries(NamedTuple):
    """Entries, oldest first, and the runs that cannot be read, so that no filter could judge them: name -> why."""

    entries: list[Entry]
    left_out: dict[str, str]


def read_entries(
    book: LabBook,
    plan: Plan,
    asked: Sequence[str] = (),
    *,
    filters: Sequence[str] = (),
    notebook: str | None = None,
    since: str | None = None,
    until: str | None = None,
) -> Entries:
    """The entries of the runs `asked` for (none: all but the archived), as far as they pass every filter.

    `since` and `until` are local days, both included. Raises RunNotFound, and JournalError for a wrong filter or a
    notebook that no run belongs to.
    """
    listed = book.runs()
    everything = [*listed, *book.runs(archived=True)]
    chosen = _asked(book, asked) if asked else listed
    notebooks = Notebooks(by_every_name(everything))
    if notebook is not None:
        _must_be_known(notebook, chosen, notebooks)
    found, left_out = _selected(chosen, filters)
    writer = Writer(everything, plan, notebooks)
    told = (run for run in found if _belongs(run, notebook, since, until, notebooks))
    return Entries([writer.entry(run) for run in told], left_out)


def _asked(book: LabBook, asked: Sequence[str]) -> list[Run]:
    return sorted({run.folder: run for run in (book.open(name) for name in asked)}.values(), key=age_key)


def _selected(runs: list[Run], filters: Sequence[str]) -> tuple[list[Run], dict[str, str]]:
    """The runs that pass the filters, and those that cannot be asked."""
    try:
        return select(runs, filters), {}
    except JournalError:
        damaged = {run.name: told for run in runs if (told := run.damage())}
        if not damaged:
            raise
        return select([run for run in runs if run.name not in damaged], filters), damaged


def _must_be_known(notebook: str, runs: Iterable[Run], notebooks: Notebooks) -> None:
    known = {name for run in runs if (name := notebooks.of(run))}
    if known and notebook not in known:
        raise JournalError(f"no run belongs to the notebook {notebook!r}; the notebooks are {', '.join(sorted(known))}")


def _belongs(run: Run, notebook: str | None, since: str | None, until: str | None, notebooks: Notebooks) -> bool:
    """Whether the run is to be told of; one whose origin cannot be read is: nothing speaks against it."""
    try:
        made = days.day(run.created)
    except JournalError:
        return True
    if notebook is not None and notebooks.of(run) != notebook:
        return False
    if made is None:
        return since is None and until is None
    return (since or made) <= made <= (until or made)
