"""What people wrote about a run."""

from __future__ import annotations

from collections.abc import Sequence

from seqlab.journal import days
from seqlab.journal.notes import Note
from seqlab.report.page import Quote

__all__ = ["note_blocks", "shortened"]

LONGEST = 20_000
"""Characters of one text that stand on a page; a pasted log of megabytes would hide all else."""


def note_blocks(notes: Sequence[Note]) -> list[Quote]:
    """The notes, oldest first."""
    return [Quote(_head(note), shortened(note.text, "notes.jsonl")) for note in notes]


def _head(note: Note) -> str:
    return ", ".join(filter(None, [days.day(note.time), note.by, (note.verdict or "").replace("_", " ")]))


def shortened(text: str, file: str) -> str:
    """A text as far as it fits on a page; where it goes on, how far, and in which file of the run the rest lies."""
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]}\n… and {len(text) - LONGEST:,} more characters, in {file} of the run"
