"""The sequences of FASTA, a3m and Stockholm files, as they are written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from seqlab.data import DataError

__all__ = ["Row", "fasta", "stockholm"]


class Row(NamedTuple):
    """A sequence as the file has it, and the line where it begins."""

    name: str
    text: str
    line: int


def fasta(where: str, text: str) -> list[Row]:
    """`>NAME ...`, then the sequence on one line or several; a3m is written so too. Names end at the first space.

    Raises DataError for a file that does not begin with `>`, and for a sequence without name or letters.
    """
    rows: list[Row] = []
    parts: list[str] = []
    for number, line in _lines(text):
        if line.startswith(">"):
            _close(where, rows, parts)
            rows.append(Row(_name(where, number, line[1:]), "", number))
        elif not rows:
            raise DataError(f"{where}, line {number}: a sequence stands before the first `>`; this is no FASTA file")
        else:
            parts.append("".join(line.split()))
    _close(where, rows, parts)
    return rows


def _close(where: str, rows: list[Row], parts: list[str]) -> None:
    """Give the last row its letters."""
    if not rows:
        return
    whole = "".join(parts)
    parts.clear()
    if not whole:
        raise DataError(f"{where}, line {rows[-1].line}: `{rows[-1].name}` has no letters; the file may be cut off")
    rows[-1] = rows[-1]._replace(text=whole)


def stockholm(where: str, text: str) -> list[Row]:
    """`NAME LETTERS` a line, in one block or several; annotations (`#=...`) are passed over, `//` ends the alignment.

    Raises DataError for a file of another kind, without its end, or with more than one alignment.
    """
    found: dict[str, Row] = {}
    ended = False
    lines = _lines(text)
    first = next(lines, (1, ""))
    if not first[1].startswith("# STOCKHOLM"):
        raise DataError(f"{where}, line {first[0]}: a Stockholm file begins with `# STOCKHOLM 1.0`, and this one not")
    for number, line in lines:
        if ended:
            raise DataError(f"{where}, line {number}: a second alignment begins; split the file and give one")
        ended = line.startswith("//")
        if ended or line.startswith("#"):
            continue
        name, *letters = line.split()
        if len(letters) != 1:
            raise DataError(f"{where}, line {number}: a name and its letters are needed, not {len(letters) + 1} words")
        row = found.get(name, Row(name, "", number))
        found[name] = row._replace(text=row.text + letters[0])
    if not ended:
        raise DataError(f"{where} has no `//` at its end: it is cut off; get it again")
    return list(found.values())


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines that are not empty, and their numbers from 1."""
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            yield number, line.strip()


def _name(where: str, number: int, header: str) -> str:
    words = header.split()
    if not words:
        raise DataError(f"{where}, line {number}: a sequence needs a name behind its `>`")
    return words[0]
