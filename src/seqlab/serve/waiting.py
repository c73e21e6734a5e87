"""Who is next: clients take turns, whatever the number of requests of each."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Generic, TypeVar

__all__ = ["Full", "Waiting"]

Item = TypeVar("Item")


class Full(Exception):
    """So many requests wait already that a further one is refused."""


class Waiting(Generic[Item]):
    """Requests that wait, at most `limit`: the first of each client in turn (round robin)."""

    def __init__(self, limit: int):
        self._limit = limit
        self._lines: OrderedDict[str, deque[Item]] = OrderedDict()

    def __len__(self) -> int:
        return sum(map(len, self._lines.values()))

    def add(self, client: str, item: Item) -> None:
        """Put at the end of the client's line. Raises Full where too many wait."""
        if len(self) >= self._limit:
            raise Full(f"{self._limit} requests wait already; try again later.")
        self._lines.setdefault(client, deque()).append(item)

    def next(self) -> Item:
        """Taken from the client whose turn it is, who then comes last. Raises IndexError where nobody waits."""
        if not self._lines:
            raise IndexError("nobody waits.")
        client, line = next(iter(self._lines.items()))
        item = line.popleft()
        if line:
            self._lines.move_to_end(client)
        else:
            del self._lines[client]
        return item

    def remove(self, item: Item) -> bool:
        """Whether it waited; it does no more."""
        for client, line in self._lines.items():
            if item in line:
                line.remove(item)
                if not line:
                    del self._lines[client]
                return True
        return False
