"""Pages of a long list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, TypeVar
from urllib.parse import urlencode

from starlette.requests import Request

__all__ = ["Paging"]

T = TypeVar("T")


@dataclass(frozen=True)
class Paging:
    """Which part of a list is shown, and the addresses of its neighbours."""

    number: int
    """Counts from 1."""
    each: int
    total: int
    before: str | None
    behind: str | None

    @classmethod
    def of(cls, request: Request, total: int, each: int) -> Self:
        """The page that `?page=` asks for, or the nearest there is."""
        asked = request.query_params.get("page", "1")
        last = max(1, -(-total // each))
        number = min(max(int(asked) if asked.isdecimal() and len(asked) < 10 else 1, 1), last)

        def address(there: int) -> str | None:
            kept = [(name, value) for name, value in request.query_params.multi_items() if name != "page"]
            return f"?{urlencode([*kept, ('page', str(there))])}" if 1 <= there <= last else None

        return cls(number, each, total, address(number - 1), address(number + 1))

    @property
    def first(self) -> int:
        """The place of the first one shown, from 0."""
        return (self.number - 1) * self.each

    @property
    def last(self) -> int:
        """The place behind the last one shown."""
        return min(self.first + self.each, self.total)

    def cut(self, everything: Sequence[T]) -> Sequence[T]:
        """What is shown."""
        return everything[self.first : self.last]
