"""Rows of symbols of unequal length, one behind the other in one array."""

from __future__ import annotations

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

    def taken(self, places: NDArray[np.int64]) -> Ragged:
        """The rows at these places, in their order."""
        lengths = self.lengths[places]
        begins = (self.ends - self.lengths)[places]
        source = np.repeat(begins - (np.cumsum(lengths) - lengths), lengths) + np.arange(lengths.sum())
        return Ragged(self.symbols[source], lengths)

    def padded(self, fill: int, longest: int | None = None) -> NDArray[np.int64]:
        """(N, L) int64: the rows, `fill` behind each; L is that of the longest of them, or `longest`, where they are
        cut."""
        width = longest or int(self.lengths.max())
        inside = np.arange(width) < self.lengths[:, None]
        source = (self.ends - self.lengths)[:, None] + np.arange(width)
        return np.where(inside, self.symbols[np.minimum(source, len(self.symbols) - 1)].astype(np.int64), fill)
