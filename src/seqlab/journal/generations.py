"""Texts that models wrote, in .generations.jsonl of the lab book: a line for each `seqlab generate`.

Any process may append a line at any time; none is ever changed. A line is {"id", "time", "by", ...} with what
`cli/generate.py` tells of prompt, output, settings and cost. Ids count up.
"""

from __future__ import annotations

from typing import Any

from seqlab.journal import clock
from seqlab.journal.book import LabBook
from seqlab.journal.errors import JournalError
from seqlab.journal.files import append_next
from seqlab.journal.lines import Record, read_backward, read_lines
from seqlab.journal.notes import author

__all__ = ["FILE", "add_generation", "generation", "generations"]

FILE = ".generations.jsonl"


def add_generation(book: LabBook, told: dict[str, Any]) -> int | None:
    """Keep what was written, in a lab book whose folder is there; its id. None: there is no lab book."""
    if not book.root.is_dir():
        return None
    given: list[int] = []

    def record() -> Record:
        newest = next(read_backward(book.root / FILE), {})
        given.append(newest.get("id", 0) + 1)
        return {"id": given[0], "time": clock.now(), "by": author(), **told}

    append_next(book.root / FILE, record)
    return given[0]


def generations(book: LabBook) -> list[Record]:
    """All that can be read, the oldest first."""
    return [record for record in read_lines(book.root / FILE).records if "id" in record]


def generation(book: LabBook, number: int) -> Record:
    """One by its id. Raises JournalError."""
    found = next((record for record in read_backward(book.root / FILE) if record.get("id") == number), None)
    if found is None:
        raise JournalError(f"there is no generation {number} in {book.root}; `seqlab generations` lists them")
    return found
