"""Long work with data tells how far it is; who wants to show it listens."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

__all__ = ["listening", "told"]

Listener = Callable[[str, float], None]
"""Called with what is being done and the share of it that is done, from 0 to 1."""
Piece = TypeVar("Piece")

_listeners: list[Listener] = []


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Within, the listener is told of every long work."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def told(what: str, pieces: Iterable[Piece], size: Callable[[Piece], int], total: int) -> Iterator[Piece]:
    """The pieces; after each of them listeners are told the share of `total` that their sizes make up so far."""
    done = 0
    for piece in pieces:
        yield piece
        done += size(piece)
        for listener in _listeners:
            listener(what, done / max(total, 1))
