"""Texts by class: of a CSV file with a header, as All The News is (articles by publication), or of a data card."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from seqlab.data import DataError
from seqlab.data.tables import located, read_table
from seqlab.data.text import is_card, read_text
from seqlab.spec import did_you_mean

__all__ = ["Articles", "read_articles"]


@dataclass(frozen=True)
class Articles:
    """The texts of each class as bytes, in the order of the file, each text once in the whole file."""

    texts: dict[str, list[bytes]]
    """Classes sorted by name, so that no order of a file or of hashing decides what a seed draws."""
    sha256: str
    """Of the file."""


def read_articles(location: str, text: str, class_: str) -> Articles:
    """The texts in the column `text` by the column `class_`; of a card its two columns, the class first. Rows where
    either is empty, and texts that occurred before, are left out. Raises DataError in one sentence for a file that is
    no such table."""
    source = read_text(location, "table" if is_card(location) else "text")
    found: dict[str, list[bytes]] = {}
    seen: set[str] = set()
    rows = _of_card(location) if is_card(location) else _of_file(Path(location).expanduser(), text, class_)
    for name, words in rows:
        if words and name and words not in seen:
            seen.add(words)
            found.setdefault(name, []).append(words.encode())
    if len(found) < 2:
        raise DataError(f"{location} has {len(found)} classes in its column `{class_}`, and two are needed")
    return Articles({name: found[name] for name in sorted(found)}, source.sha256)


def _of_card(location: str) -> Iterator[tuple[str, str]]:
    for _, (name, words) in read_table(located(location), ("class", "text"), header=False):
        yield name, words


def _of_file(path: Path, text: str, class_: str) -> Iterator[tuple[str, str]]:
    csv.field_size_limit(sys.maxsize)
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        try:
            _check_columns(path, reader.fieldnames or [], (text, class_))
            for row in reader:
                yield (row[class_] or "").strip(), (row[text] or "").strip()
        except (UnicodeDecodeError, csv.Error) as error:
            raise DataError(f"{path} is no table of text from line {reader.line_num + 1} on ({error})") from None


def _check_columns(path: Path, there: Sequence[str], wanted: Sequence[str]) -> None:
    for name in wanted:
        if name not in there:
            raise DataError(
                f"{path} has no column `{name}`; {did_you_mean(name, there)}, by `task.text_column` or "
                "`task.class_column`"
            )
