"""The plan: what is to be done, as nested items linked to runs, in .plan.jsonl of the lab book; `planning` writes it.

Any process may append a line at any time; none is ever changed, and readers fold them. A line is an event {"time",
"by", "event", "id", ...}: an "add" with "text" and "under" (an id or null), a "state" with "state" and perhaps "note",
a "link" or "unlink" with "runs", or a "move" with "under". Ids count up and never change.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from seqlab.journal.book import LabBook
from seqlab.journal.errors import JournalError, RunNotFound
from seqlab.journal.lineage import R, by_every_name
from seqlab.journal.lines import Record, read_lines
from seqlab.journal.run import Run

FILE = ".plan.jsonl"

STATES = ("open", "running", "done", "dropped")
PENDING = ("open", "running")
"""The states of what is still to be done."""


@dataclass
class Item:
    """One thing to do. Its state is what people said of it; what its runs do is told by their folders."""

    id: int
    text: str
    under: int | None
    """The id of the item that it is a part of."""
    created: str
    since: str
    """When it came into its state."""
    state: str = "open"
    runs: list[str] = field(default_factory=list)
    """Linked runs, by the names they had when they were linked."""
    notes: list[dict[str, Any]] = field(default_factory=list)
    """{"time", "by", "text"}, oldest first."""


class Plan:
    """The items by their ids, and how many lines could not be read or understood: a reader should say so."""

    def __init__(self) -> None:
        self.items: dict[int, Item] = {}
        self.skipped = 0
        self.newest = 0
        """The highest id in any event."""

    def item(self, number: int) -> Item:
        """The item with this id. Raises JournalError."""
        if number in self.items:
            return self.items[number]
        if not self.items:
            raise JournalError(f"there is no item {number}: the plan is empty; `seqlab plan add TEXT` begins it")
        near = sorted(sorted(self.items, key=lambda known: abs(known - number))[:5])
        raise JournalError(
            f"there is no item {number} in the plan; near it: {', '.join(map(str, near))} (`seqlab plan` shows all)"
        )

    def parts(self, number: int | None) -> list[Item]:
        """The items right under this one (None: at the top), oldest first."""
        return [item for item in self.items.values() if item.under == number]

    def below(self, number: int) -> Iterator[Item]:
        """Every item under this one, at any depth."""
        for part in self.parts(number):
            yield part
            yield from self.below(part.id)

    def tree(self, number: int | None = None, *, pending: bool = False) -> list[dict[str, Any]]:
        """The items under this one as plain values, each with its own in "items"; `pending`: only what is still to be
        done, and what it is a part of."""
        branches = [{**vars(item), "items": self.tree(item.id, pending=pending)} for item in self.parts(number)]
        return [branch for branch in branches if not pending or branch["items"] or branch["state"] in PENDING]

    def fold(self, event: Record) -> bool:
        """Take in an event; False when it is unknown or cannot be true, and nothing was changed."""
        number = event.get("id")
        if not isinstance(number, int):
            return False
        self.newest = max(self.newest, number)
        if event.get("event") == "add":
            return self._fold_new(number, event)
        item = self.items.get(number)
        return item is not None and self._fold_change(item, event)

    def _fold_new(self, number: int, event: Record) -> bool:
        match event:
            case {"text": str(text), "under": None | int() as under, "time": str(time)}:
                if number in self.items or not (under is None or under in self.items):
                    return False
                self.items[number] = Item(number, text, under, created=time, since=time)
                return True
        return False

    def _fold_change(self, item: Item, event: Record) -> bool:
        match event:
            case {"event": "state", "state": str(state), "time": str(time)} if state in STATES:
                item.since = time if state != item.state else item.since
                item.state = state
                if event.get("note"):
                    item.notes.append({"time": time, "by": event.get("by"), "text": event["note"]})
            case {"event": "link", "runs": list(runs)}:
                item.runs += [run for run in runs if run not in item.runs]
            case {"event": "unlink", "runs": list(runs)}:
                item.runs = [run for run in item.runs if run not in runs]
            case {"event": "move", "under": None | int() as under} if self.may_stand_under(item, under):
                item.under = under
            case _:
                return False
        return True

    def may_stand_under(self, item: Item, under: int | None) -> bool:
        """Whether there is such an item, and it is neither `item` nor a part of it."""
        if under is None:
            return True
        return under in self.items and under != item.id and all(part.id != under for part in self.below(item.id))


def read_plan(book: LabBook) -> Plan:
    """The plan of the lab book; an empty one where there is none. A torn last line is left out."""
    plan = Plan()
    lines = read_lines(book.root / FILE)
    plan.skipped = lines.damaged + sum(not plan.fold(event) for event in lines.records)
    return plan


def linked(item: Item, known: Mapping[str, R]) -> dict[str, R | None]:
    """The runs linked to an item by the names they were linked by; None where a run is gone. known: by every name."""
    return {name: known.get(name) for name in item.runs}


def linked_runs(book: LabBook, item: Item) -> dict[str, Run | None]:
    """The same, for a caller who has not read all runs."""
    found: dict[str, Run | None] = {}
    for name in item.runs:
        try:
            found[name] = book.open(name)
        except RunNotFound:
            found[name] = by_every_name(book.everything()).get(name)
    return found
