"""Rows of symbols of unequal length, one behind the other in one array."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Ragged"]

Numbers = NDArray[Any]


@dataclass(frozen=True)
class Ragged:
    """`symbols` (S,) of all rows in unsigned integers, and the `lengths` (N,) int64 of the rows."""

    symbols: Numbers
    lengths: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.lengths)

    def row(self, index: int) -> Numbers:
        """One row: (L,)."""
        end = int(self.ends[index])
        return self.symbols[end - int(self.lengths[index]) : end]

    @property
    def ends(self) -> NDArray[np.int64]:
        """(N,) where each row ends."""
        return np.cumsum(self.lengths)

    def _edges(self) -> Iterator[tuple[int, int]]:
        """Where each row ends, and its length."""
        return zip(self.ends.tolist(), self.lengths.tolist(), strict=True)

    def taken(self, places: NDArray[np.int64]) -> Ragged:
        """The rows at these places, in their order."""
        lengths = self.lengths[places]
        begins = (self.ends - self.lengths)[places]
        source = np.repeat(begins - (np.cumsum(lengths) - lengths), lengths) + np.arange(lengths.sum())
        return Ragged(self.symbols[source], lengths)

    def padded(self, fill: int, longest: int) -> Numbers:
        """(N, longest): the rows, cut where they are longer, and `fill` behind each that is shorter; in the symbols'
        own dtype, which must hold `fill`."""
        rows = np.full((len(self), longest), fill, self.symbols.dtype)
        for row, (end, length) in zip(rows, self._edges(), strict=True):
            row[:length] = self.symbols[end - length : end][:longest]
        return rows

    def contents(self) -> list[bytes]:
        """The symbols of each row, to be compared."""
        return [self.symbols[end - length : end].tobytes() for end, length in self._edges()]

    @classmethod
    def of(cls, rows: Sequence[Numbers]) -> Ragged:
        """Rows that lie each by itself; at least one."""
        return cls(np.concatenate(rows), np.array([len(row) for row in rows], np.int64))

    @classmethod
    def joined(cls, parts: Sequence[Ragged]) -> Ragged:
        """The rows of all parts, one part after the other."""
        return cls(np.concatenate([part.symbols for part in parts]), np.concatenate([part.lengths for part in parts]))
