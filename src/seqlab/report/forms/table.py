"""A table as CSV, every number with all its digits."""

from __future__ import annotations

import csv
import io

from seqlab.report.page import Cell, Measured, Table

__all__ = ["csv_of"]


def csv_of(data: Table) -> str:
    """The table with its head; a mean is followed by a column with its standard error."""
    split = [any(isinstance(row[index], Measured) for row in data.rows) for index in range(len(data.head))]
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\n").writerow
    write([name for index, title in enumerate(data.head) for name in _titles(title, split[index])])
    for row in data.rows:
        write([value for index, cell in enumerate(row) for value in _values(cell, split[index])])
    return out.getvalue()


def _titles(title: str, is_split: bool) -> list[str]:
    return [title, f"{title} standard error"] if is_split else [title]


def _values(cell: Cell, is_split: bool) -> list[object]:
    if isinstance(cell, Measured):
        return [cell.mean, "" if cell.error is None else cell.error]
    value: object = "" if cell is None else cell
    return [value, ""] if is_split else [value]
