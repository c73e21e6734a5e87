"""notes.jsonl: what people say about a run. Any process may append a line at any time; none is ever changed.

A line is a note {"time", "by", "text", "verdict"}, a change of tags {"time", "by", "tag": [...], "untag":
[...]}, a change of name {"time", "by", "renamed": {"from", "to"}}, or what `seqlab gc` took away {"time", "by",
"removed": {"what", "steps", "bytes"}} (steps: of checkpoints, else null).
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from seqlab.journal import clock
from seqlab.journal.errors import JournalError
from seqlab.journal.files import append_record
from seqlab.journal.lines import Record, read_lines

VERDICTS = ("works", "fails", "no_effect", "inconclusive", "bug")


class Note(NamedTuple):
    """A remark; `verdict` is one of VERDICTS or None, `by` the user's name where it is known."""

    time: str
    text: str
    verdict: str | None
    by: str | None


def read_notes(folder: Path) -> list[Note]:
    """The notes of the run in `folder`, oldest first."""
    return [
        Note(record["time"], record["text"], record.get("verdict"), record.get("by"))
        for record in _records(folder)
        if "text" in record
    ]


def add_note(folder: Path, text: str, verdict: str | None = None) -> None:
    """Append a note. Raises JournalError for an empty text or an unknown verdict."""
    if verdict is not None and verdict not in VERDICTS:
        raise JournalError(f"{verdict!r} is no verdict; choose one of {', '.join(VERDICTS)}")
    if not text.strip() and verdict is None:
        raise JournalError(f"the note for {folder.name} is empty; write some text or give a verdict")
    _append(folder, text=text, verdict=verdict)


def read_tags(folder: Path, first: Iterable[str]) -> list[str]:
    """The tags of the run in `folder`: `first`, which it was made with, as changed since."""
    tags = dict.fromkeys(first)
    for record in _records(folder):
        tags.update(dict.fromkeys(record.get("tag", ())))
        for gone in record.get("untag", ()):
            tags.pop(gone, None)
    return list(tags)


def change_tags(folder: Path, add: Iterable[str], remove: Iterable[str]) -> None:
    """Append a change of tags. Raises JournalError when a tag is empty or holds a space or a comma."""
    added, removed = list(add), list(remove)
    for tag in (*added, *removed):
        check_tag(tag)
    _append(folder, tag=added, untag=removed)


def check_tag(tag: str) -> None:
    """Raise JournalError unless `tag` can be typed, listed and searched without quotes."""
    if not tag or any(character.isspace() or character == "," for character in tag):
        raise JournalError(f"the tag {tag!r} cannot be used; a tag is one word without commas")


def add_rename(folder: Path, old: str, new: str) -> None:
    """Append that the run changes its name, so that a parent's old name can still be understood."""
    _append(folder, renamed={"from": old, "to": new})


def former_names(folder: Path) -> list[str]:
    """The names that the run in `folder` has had before, oldest first."""
    return [record["renamed"]["from"] for record in _records(folder) if "renamed" in record]


def author() -> str | None:
    """The name of the user who writes, where it is known."""
    return os.environ.get("USER") or os.environ.get("LOGNAME")


def add_removal(folder: Path, what: str, steps: list[int] | None, size: int) -> None:
    """Append that `what` ("checkpoints", "eval", ...) is taken away, so that it is missed by nobody in vain."""
    _append(folder, removed={"what": what, "steps": steps, "bytes": size})


def read_removals(folder: Path) -> list[Record]:
    """What was taken away from the run in `folder`, oldest first: {"time", "by", "what", "steps", "bytes"}."""
    records = [record for record in _records(folder) if "removed" in record]
    return [{"time": record["time"], "by": record.get("by"), **record["removed"]} for record in records]


def _records(folder: Path) -> list[Record]:
    return read_lines(folder / "notes.jsonl").records


def _append(folder: Path, **content: Any) -> None:
    append_record(folder / "notes.jsonl", {"time": clock.now(), "by": author(), **content})
