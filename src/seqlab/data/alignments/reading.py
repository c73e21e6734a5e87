"""An alignment out of a file or a card: rows become numbers, and what is left out on the way is counted."""

from __future__ import annotations

import difflib
import string
from collections.abc import Sequence
from pathlib import PurePath
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqlab.data import DataError
from seqlab.data.alignments import ALPHABET, GAP, SIZE, Alignment, LeftOut
from seqlab.data.alignments.numeric import array, table
from seqlab.data.alignments.rows import Row, fasta, stockholm
from seqlab.data.text import is_card, read_text, unpacked

__all__ = ["ENDINGS", "Unknown", "kind_of", "place_of", "read_alignment"]

Kind = Literal["fasta", "a3m", "stockholm", "table", "array"]
Unknown = Literal["gap", "drop"]
"""A letter that is no amino acid (B J O U X Z *) becomes a gap, or its sequence is left out (plmc)."""
ENDINGS: dict[str, Kind] = {
    ".fasta": "fasta", ".fa": "fasta", ".faa": "fasta", ".afa": "fasta", ".fas": "fasta", ".a3m": "a3m", ".a2m": "a3m",
    ".sto": "stockholm", ".stk": "stockholm", ".stockholm": "stockholm", ".txt": "table", ".csv": "table",
    ".tsv": "table", ".npy": "array",
}  # fmt: skip
UNKNOWN, WRONG = SIZE, 255
"""What stands for a letter that is no amino acid, and for what is no letter."""


class _Kept(NamedTuple):
    names: NDArray[np.str_]
    letters: NDArray[np.uint8]
    columns: NDArray[np.int64]
    left_out: tuple[LeftOut, ...]

    def without(self, told: LeftOut, rows: NDArray[np.bool_]) -> _Kept:
        return self._replace(names=self.names[~rows], letters=self.letters[~rows], left_out=(*self.left_out, told))


def read_alignment(
    location: str,
    *,
    focus: str | None = None,
    columns: NDArray[np.int64] | None = None,
    unknown: Unknown = "gap",
    most_gaps: float = 1.0,
    column_gaps: float = 1.0,
) -> Alignment:
    """The alignment at `card:NAME` or in a file, gzip'd or not, whose ending says its kind.

    In a3m and a2m lower-case letters and dots are inserts and dropped; elsewhere a lower-case letter is a letter and a
    dot a gap. `focus` keeps the columns where the sequence of that name has a letter, `columns` those (from 0). Then
    unknown letters are treated, columns whose share of gaps is above `column_gaps` left out, and of what is left
    sequences whose share of gaps is above `most_gaps`. Raises DataError in one sentence, with the line.
    """
    source = read_text(location, "alignment")
    rows, coded, left_out = _coded(location, unpacked(location, source.data.tobytes()))
    columns = np.arange(coded.shape[1]) if columns is None else columns
    if focus is not None:
        columns = np.flatnonzero(coded[place_of(location, [row.name for row in rows], focus)] != GAP)
    names = np.array([row.name for row in rows])
    kept = _Kept(names, coded[:, columns], columns, left_out)
    kept = _without_unknown(kept, unknown)
    kept = _without_empty_columns(kept, column_gaps)
    kept = _without_gaps(kept, most_gaps)
    if not kept.letters.size:
        raise DataError(
            f"{location} has no letter left: {len(rows):,} sequences of {len(columns):,} columns were read, and "
            f"{'; '.join(map(str, kept.left_out)) or 'nothing was left out'}"
        )
    names_left = tuple(kept.names.tolist())
    return Alignment(names_left, kept.letters, kept.columns, coded.shape[1], kept.left_out, source.sha256)


def kind_of(location: str) -> Kind:
    """What the name of a file or card says of its kind; a card is FASTA. Raises DataError for an ending not known."""
    if is_card(location):
        return "fasta"
    name = PurePath(location.removesuffix(".gz"))
    if name.suffix.lower() not in ENDINGS:
        raise DataError(
            f"{location}: the ending of a file says what it is, and `{name.suffix}` is none of {', '.join(ENDINGS)} "
            "(each also with .gz)"
        )
    return ENDINGS[name.suffix.lower()]


def place_of(location: str, names: Sequence[str], wanted: str) -> int:
    """Where the sequence of that name stands: whole, or as it is before a `/` (NAME/FROM-TO). Raises DataError."""
    for candidates in (list(names), [name.partition("/")[0] for name in names]):
        if wanted in candidates:
            return candidates.index(wanted)
    near = difflib.get_close_matches(wanted, names, n=3)
    told = f"near it: {', '.join(near)}" if near else f"the first is {names[0]}"
    raise DataError(f"{location} has no sequence called {wanted!r} ({told})")


def _coded(location: str, data: bytes) -> tuple[list[Row], NDArray[np.uint8], tuple[LeftOut, ...]]:
    """The rows, their letters (N, L) with UNKNOWN among them, and the inserts that were dropped."""
    kind = kind_of(location)
    if kind == "array" or kind == "table":
        coded = array(location, data) if kind == "array" else table(location, _decoded(location, data))
        rows = [Row(str(number), "", number) for number in range(1, len(coded) + 1)]
        _not_empty(location, rows)
        return rows, coded, ()
    rows = (stockholm if kind == "stockholm" else fasta)(location, _decoded(location, data))
    _not_empty(location, rows)
    left_out: tuple[LeftOut, ...] = ()
    if kind == "a3m":
        rows, left_out = _without_inserts(rows)
    _of_one_length(location, rows, kind)
    joined = "".join(row.text for row in rows).encode("ascii", "replace")
    coded = _codes()[np.frombuffer(joined, np.uint8)].reshape(len(rows), -1)
    for place, column in np.argwhere(coded == WRONG)[:1]:
        raise DataError(
            f"{location}, line {rows[place].line}: `{rows[place].name}` has {rows[place].text[column]!r} in column "
            f"{column + 1:,}, which is no letter"
        )
    return rows, coded, left_out


def _decoded(location: str, data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise DataError(f"{location} is no text ({error.reason} at byte {error.start:,})") from None


def _not_empty(location: str, rows: list[Row]) -> None:
    if not rows:
        raise DataError(f"{location} holds no sequence; give an alignment with some")


def _without_inserts(rows: list[Row]) -> tuple[list[Row], tuple[LeftOut, ...]]:
    table = str.maketrans("", "", string.ascii_lowercase + ".")
    kept = [row._replace(text=row.text.translate(table)) for row in rows]
    counts = [len(row.text) - len(short.text) - row.text.count(".") for row, short in zip(rows, kept, strict=True)]
    names = tuple(row.name for row, count in zip(rows, counts, strict=True) if count)
    return kept, (LeftOut("lower-case inserts dropped", sum(counts), names),) if names else ()


def _of_one_length(location: str, rows: list[Row], kind: Kind) -> None:
    for row in rows:
        if len(row.text) != len(rows[0].text):
            hint = "" if kind == "a3m" else "; where lower-case letters are inserts, name the file .a3m"
            raise DataError(
                f"{location}, line {row.line}: `{row.name}` has {len(row.text):,} columns and the first sequence "
                f"{len(rows[0].text):,}; an alignment has rows of one length{hint}"
            )


def _codes() -> NDArray[np.uint8]:
    """Of each byte: its letter's place, a lower-case letter's too."""
    codes = np.full(256, WRONG, np.uint8)
    for letter in string.ascii_letters + "*-.":
        known = "-" if letter == "." else letter.upper()
        codes[ord(letter)] = ALPHABET.index(known) if known in ALPHABET else UNKNOWN
    return codes


def _without_unknown(kept: _Kept, unknown: Unknown) -> _Kept:
    strange = kept.letters == UNKNOWN
    rows = strange.any(1)
    if not rows.any():
        return kept
    names = tuple(kept.names[rows].tolist())
    if unknown == "gap":
        told = LeftOut("letters that are no amino acid became gaps", int(strange.sum()), names)
        known = np.where(strange, GAP, kept.letters).astype(np.uint8)
        return kept._replace(letters=known, left_out=(*kept.left_out, told))
    return kept.without(LeftOut("sequences with a letter that is no amino acid left out", len(names), names), rows)


def _without_empty_columns(kept: _Kept, most: float) -> _Kept:
    """Columns are named by their numbers in the file, counted from 1."""
    gone = (kept.letters == GAP).mean(0) > most if kept.letters.size else np.zeros(len(kept.columns), bool)
    if not gone.any():
        return kept
    names = tuple(str(number + 1) for number in kept.columns[gone].tolist())
    told = LeftOut(f"columns of more than {most:.0%} gaps left out", len(names), names)
    return kept._replace(letters=kept.letters[:, ~gone], columns=kept.columns[~gone], left_out=(*kept.left_out, told))


def _without_gaps(kept: _Kept, most: float) -> _Kept:
    rows = (kept.letters == GAP).mean(1) > most if kept.letters.size else np.zeros(len(kept.names), bool)
    if not rows.any():
        return kept
    names = tuple(kept.names[rows].tolist())
    return kept.without(LeftOut(f"sequences of more than {most:.0%} gaps left out", len(names), names), rows)
