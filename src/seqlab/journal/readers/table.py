"""Tables with a head: CSV or TSV, separated by commas, semicolons or tabs, in UTF-8."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seqlab.journal.errors import JournalError
from seqlab.journal.log import Log, counted, from_records


def reads(path: Path) -> bool:
    """By the end of its name."""
    return path.suffix.lower() in (".csv", ".tsv")


def read(path: Path, step_column: str | None) -> Log:
    """Every row with as many cells as the head; an empty cell is no value. Raises JournalError."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise JournalError(f"{path} is not UTF-8 (byte {error.start:,}); save it as UTF-8") from error
    lines = text.splitlines()
    separator = max(",;\t", key=(lines[0] if lines else "").count)
    remarks: list[str] = []
    if text and not text.endswith(("\n", "\r")):
        remarks.append(f"{path.name} does not end with a line break; if it was cut off, its last number may be short")
    return from_records(path, _rows(path, lines, separator, remarks), step_column, remarks)


def _rows(path: Path, lines: list[str], separator: str, remarks: list[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    table = csv.reader(lines, delimiter=separator)
    try:
        head = [name.strip() for name in next(table, [])]
        twice = next((name for name in head if head.count(name) > 1), None)
        if twice is not None:
            raise JournalError(f"{path} has two columns {twice!r}; rename one of them")
        ragged: list[int] = []
        for cells in table:
            if cells and len(cells) != len(head):
                ragged.append(table.line_num)
            elif cells:
                yield table.line_num, {name: _value(cell) for name, cell in zip(head, cells, strict=True)}
    except csv.Error as error:
        raise JournalError(f"{path}, line {table.line_num}: {error}; mend that line") from error
    if ragged:
        cut = " (the last line: the file is cut off)" if ragged == [len(lines)] else ""
        which = f"{counted(len(ragged), 'line')} left out, with another number of cells than the head"
        remarks.append(f"{path.name}: {which}: first {ragged[0]}{cut}")


def _value(cell: str) -> float | str | None:
    """A number, a text, or None for an empty cell."""
    cell = cell.strip()
    try:
        value = float(cell)
    except ValueError:
        return cell or None
    return int(value) if cell.isdecimal() else value
