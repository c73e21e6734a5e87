"""Alignments that are whole numbers already: a table of text, or an array of numpy."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray

from seqlab.data import DataError
from seqlab.data.alignments import SIZE

__all__ = ["array", "table"]


def table(where: str, text: str) -> NDArray[np.uint8]:
    """A sequence a line, numbers with spaces, tabs or commas between them -> (N, L). Raises DataError with the line."""
    rows: list[list[int]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.replace(",", " ").split()
        if not words or words[0].startswith("#"):
            continue
        try:
            row = [int(word) for word in words]
        except ValueError:
            raise DataError(f"{where}, line {number}: whole numbers are needed, a sequence a line") from None
        if rows and len(row) != len(rows[0]):
            raise DataError(
                f"{where}, line {number}: it has {len(row):,} columns and the lines before it {len(rows[0]):,}"
            )
        _check(where, f", line {number}", min(row), max(row))
        rows.append(row)
    return np.array(rows, np.uint8).reshape(len(rows), -1)


def array(where: str, data: bytes) -> NDArray[np.uint8]:
    """A `.npy` file of (N, L) whole numbers. Raises DataError for another array, and for an empty one."""
    try:
        found = np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise DataError(f"{where} is no array of numpy ({error}); it may be cut off") from None
    if not found.size:
        raise DataError(
            f"{where} is an empty array, {found.dtype} of shape {found.shape}; give one of (sequences, columns), with "
            "some of both"
        )
    if found.ndim != 2 or found.dtype.kind not in "iu":
        raise DataError(
            f"{where} holds {found.dtype} of shape {found.shape}; whole numbers (sequences, columns) needed"
        )
    _check(where, "", int(found.min()), int(found.max()))
    letters: NDArray[np.uint8] = found.astype(np.uint8)
    return letters


def _check(where: str, line: str, least: int, most: int) -> None:
    if least < 0 or most >= SIZE:
        raise DataError(
            f"{where}{line}: {least if least < 0 else most} is no letter; they are 0 to {SIZE - 1}, the amino acids "
            f"by their one-letter code, then the gap"
        )
