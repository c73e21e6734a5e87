"""Official tables: rows of columns with a tab between them, checked row by row."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from seqlab.data import DataError, fetch
from seqlab.data.text import is_card, read_text

__all__ = ["check_count", "located", "read_table", "whole_number"]


def located(location: str) -> Path:
    """The file of a table at `card:NAME` or at a path. Raises DataError as read_text does."""
    read_text(location, "table")
    return fetch.path(location.removeprefix("card:")) if is_card(location) else Path(location).expanduser()


def read_table(path: Path, columns: Sequence[str], *, header: bool) -> Iterator[tuple[int, list[str]]]:
    """The number of the line and the columns of each row; `header`: the first line holds the names of the columns.

    Raises DataError in one sentence, with the line, for a row of fewer or more columns.
    """
    read_text(str(path))  # says what is wrong with the path
    csv.field_size_limit(sys.maxsize)
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file, delimiter="\t")
        try:
            for number, row in enumerate(reader):
                _check_row(path, reader.line_num, row, columns)
                if header and number == 0:
                    _check_header(path, row, columns)
                else:
                    yield reader.line_num, row
        except (UnicodeDecodeError, csv.Error) as error:
            raise DataError(f"{path} is no table of text from line {reader.line_num + 1} on ({error})") from None


def _check_row(path: Path, line: int, row: list[str], columns: Sequence[str]) -> None:
    if len(row) != len(columns):
        raise DataError(
            f"{path}, line {line}: it has {len(row)} columns and needs {len(columns)} with a tab between them "
            f"({', '.join(columns)}); the file is cut off or of another kind"
        )


def _check_header(path: Path, row: list[str], columns: Sequence[str]) -> None:
    if row != list(columns):
        raise DataError(
            f"{path}, line 1: the columns are called {', '.join(row)} and not {', '.join(columns)}; it is another file"
        )


def whole_number(text: str, count: int, path: Path, line: int) -> int:
    """A label from 0 up to `count`, which may be written as 1 or 1.0. Raises DataError with the line for another."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if value not in range(count):
        raise DataError(f"{path}, line {line}: {text!r} is no label from 0 to {count - 1}")
    return int(value)


def check_count(path: Path, found: int, wanted: int | None) -> None:
    """Raise DataError where a file holds another number of rows than the official one; None wants any, but one."""
    if wanted is not None and found != wanted:
        raise DataError(
            f"{path} has {found:,} rows and the official file {wanted:,}: it is cut off or of another version; get it "
            "again, or set `task.edition=own` for files of your own"
        )
    if found == 0:
        raise DataError(f"{path} holds no row; give a file with some")
