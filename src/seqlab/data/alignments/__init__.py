"""Alignments of proteins: sequences of one length whose columns correspond, as whole numbers. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["ALPHABET", "GAP", "SIZE", "Alignment", "LeftOut", "letters_of", "text_of"]

ALPHABET = "ACDEFGHIKLMNPQRSTVWY-"
"""Letters by their number, 0 to 20: amino acids by their one-letter code, then the gap."""
GAP = ALPHABET.index("-")
SIZE = len(ALPHABET)
SHOWN = 3
"""Names that a remark gives before it says how many there are."""


@dataclass(frozen=True)
class LeftOut:
    """What a reader dropped or changed: letters or sequences, how many, and in which sequences."""

    what: str
    """In words, in the plural, with what was done."""
    count: int
    names: tuple[str, ...]

    def __str__(self) -> str:
        more = len(self.names) - SHOWN
        named = ", ".join(self.names[:SHOWN]) + (f" and {more:,} more" if more > 0 else "")
        return f"{self.count:,} {self.what} ({named})"


@dataclass(frozen=True)
class Alignment:
    """N sequences of L columns."""

    names: tuple[str, ...]
    letters: NDArray[np.uint8]
    """(N, L), places in ALPHABET."""
    columns: NDArray[np.int64]
    """(L,): which columns of the file these are, counted from 0."""
    width: int
    """How many columns the file has, inserts not counted."""
    left_out: tuple[LeftOut, ...]
    sha256: str
    """Of the file."""

    def gaps(self) -> float:
        """The share of gaps among all letters."""
        return float((self.letters == GAP).mean())


def text_of(letters: NDArray[np.integer]) -> list[str]:
    """(N, L) -> N strings."""
    table = np.frombuffer(ALPHABET.encode(), np.uint8)
    return [row.tobytes().decode() for row in table[letters]]


def letters_of(texts: Iterable[str]) -> NDArray[np.uint8]:
    """Strings of ALPHABET and one length -> (N, L)."""
    rows: Sequence[str] = list(texts)
    characters = np.frombuffer("".join(rows).encode(), np.uint8).reshape(len(rows), -1)
    table = np.full(256, SIZE, np.uint8)
    table[np.frombuffer(ALPHABET.encode(), np.uint8)] = np.arange(SIZE)
    return table[characters]
