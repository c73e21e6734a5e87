"""Changing the plan: each function appends one event and returns the item as it is then.

What an event rests on (that an id is free, that a move makes no circle) is looked at under the file's lock, so that
two people who plan at once cannot spoil it.
"""

from collections.abc import Callable, Sequence

from seqlab.journal import clock, names
from seqlab.journal.book import LabBook
from seqlab.journal.errors import JournalError
from seqlab.journal.files import append_next, clearly
from seqlab.journal.lines import Record
from seqlab.journal.notes import author
from seqlab.journal.plan import FILE, Item, Plan, linked_runs, read_plan


def add(book: LabBook, text: str, under: int | None = None) -> Item:
    """A new item. Raises JournalError for an empty text or an unknown `under`."""
    if not text.strip():
        raise JournalError("an item of the plan needs a text; say what is to be done")

    def event(plan: Plan) -> Record:
        if under is not None:
            plan.item(under)
        return {"event": "add", "id": plan.newest + 1, "text": text.strip(), "under": under}

    return _append(book, event)


def change(book: LabBook, number: int, state: str, note: str | None = None) -> Item:
    """Say that an item is in this state now. Raises JournalError when it is already, unless there is a note."""

    def event(plan: Plan) -> Record:
        if plan.item(number).state == state and not note:
            raise JournalError(f"item {number} is {state} already; add --note TEXT to say more about it")
        return {"event": "state", "id": number, "state": state, "note": note}

    return _append(book, event)


def move(book: LabBook, number: int, under: int | None) -> Item:
    """Put an item under another one, or at the top. Raises JournalError when that one is a part of it."""

    def event(plan: Plan) -> Record:
        item = plan.item(number)
        if under is not None:
            plan.item(under)
        if not plan.may_stand_under(item, under):
            there = "itself" if under == number else f"{under}, which stands under {number}"
            raise JournalError(f"item {number} cannot be moved under {there}; choose another place")
        return {"event": "move", "id": number, "under": under}

    return _append(book, event)


def link(book: LabBook, number: int, runs: Sequence[str]) -> Item:
    """Link runs to an item. Raises RunNotFound, and JournalError when all of them are linked already."""
    opened = list(dict.fromkeys(_name_here(book, run) for run in runs))

    def event(plan: Plan) -> Record:
        linked = {name if run is None else run.name for name, run in linked_runs(book, plan.item(number)).items()}
        fresh = [name for name in opened if name not in linked]
        if not fresh:
            raise JournalError(f"item {number} is linked to {' and '.join(opened)} already")
        return {"event": "link", "id": number, "runs": fresh}

    return _append(book, event)


def unlink(book: LabBook, number: int, runs: Sequence[str]) -> Item:
    """Take back a link, by the run's present name or that of the day. Raises JournalError when there is none."""

    def event(plan: Plan) -> Record:
        linked = linked_runs(book, plan.item(number))
        gone = []
        for wanted in runs:
            found = [name for name, run in linked.items() if wanted in (name, run.name if run else None)]
            if not found:
                has = f"its runs are {', '.join(linked)}" if linked else "it has no runs"
                raise JournalError(f"item {number} is not linked to {wanted}; {has}{names.perhaps(wanted, linked)}")
            gone += found
        return {"event": "unlink", "id": number, "runs": gone}

    return _append(book, event)


def _name_here(book: LabBook, run: str) -> str:
    """The name of a run of this lab book, archived or not."""
    folder = book.open(run).folder
    if folder.parent not in (book.root, book.root / ".archive"):
        raise JournalError(f"{run} lies outside of {book.root}; a plan links the runs of its own lab book")
    return folder.name


def _append(book: LabBook, make: Callable[[Plan], Record]) -> Item:
    """Append the event that `make` makes of the present plan, once without the lock: a mistake must write nothing."""
    make(read_plan(book))
    with clearly(book.root):
        book.root.mkdir(parents=True, exist_ok=True)
    made: Record = {}

    def record() -> Record:
        made.update({"time": clock.now(), "by": author(), **make(read_plan(book))})
        return made

    append_next(book.root / FILE, record)
    return read_plan(book).items[made["id"]]
