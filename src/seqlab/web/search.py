"""What is typed into the search field: filters as `seqlab ls --where` takes them, and words that somebody wrote."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from seqlab.journal import JournalError
from seqlab.journal.known import Known
from seqlab.journal.where import select

__all__ = ["found"]

SIGNS = "<>=~"


def found(runs: Iterable[Known], text: str) -> tuple[list[Known], str | None]:
    """The runs that pass every filter and hold every word, and what is wrong with the text."""
    filters, words = _parted(text)
    try:
        passing = select(runs, filters)
    except JournalError as error:
        return [], str(error)
    return [known for known in passing if all(word in known.said for word in words)], None


def _parted(text: str) -> tuple[list[str], list[str]]:
    """Filters, and words in lower case; a value with spaces stands in quotes."""
    try:
        parts = shlex.split(text)
    except ValueError:  # a quote without its other half
        parts = text.split()
    is_filter = [any(sign in part for sign in SIGNS) for part in parts]
    return (
        [part for part, yes in zip(parts, is_filter, strict=True) if yes],
        [part.lower() for part, yes in zip(parts, is_filter, strict=True) if not yes],
    )
