"""Where writing stops before the last symbol that was asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

__all__ = ["Until"]


class Until:
    """Symbols up to `end`, which is left out; all of them where it is None. `reason` tells what ended them: `length` or
    `end_of_text`."""

    def __init__(self, symbols: Iterable[int], end: int | None) -> None:
        self._symbols, self._end = symbols, end
        self.reason = "length"

    def __iter__(self) -> Iterator[int]:
        for symbol in self._symbols:
            if symbol == self._end:
                self.reason = "end_of_text"
                return
            yield symbol
