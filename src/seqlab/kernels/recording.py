"""What is called while a function is being recorded, noted by whoever calls it."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

__all__ = ["Drawn", "Recording", "is_noting", "note", "recording", "redrawn"]


class Recording:
    """What is called again, in order, and what must live as long."""

    def __init__(self) -> None:
        self.calls: list[Callable[[], object]] = []
        self.kept: list[Any] = []


_open: ContextVar[Recording | None] = ContextVar("open recording", default=None)
"""Each thread's own."""


@contextmanager
def recording() -> Iterator[Recording]:
    """Note in a new recording what this thread calls meanwhile; one is open at a time."""
    assert _open.get() is None, "one function is recorded at a time"
    token = _open.set(begun := Recording())
    try:
        yield begun
    finally:
        _open.reset(token)


def note(call: Callable[[], object], kept: Any = None) -> None:
    """Have a call run again too, where something is being recorded; `kept` is what must not be freed before."""
    if (begun := _open.get()) is not None:
        begun.calls.append(call)
        begun.kept.append(kept)


class Drawn(int):
    """A number that was drawn at random; where C++ is called again, it finds in `cell` what was drawn since."""

    cell: ctypes.c_int64


def redrawn(draw: Callable[[], int]) -> Drawn:
    """A number of 63 bits, which is drawn again whenever what is being recorded runs again."""
    token = _noting.set(False)
    try:
        number = Drawn(draw())
    finally:
        _noting.reset(token)
    number.cell = cell = ctypes.c_int64(number)

    def again() -> None:
        cell.value = draw()

    note(again)
    return number


_noting: ContextVar[bool] = ContextVar("noting", default=True)


def is_noting() -> bool:
    """Whether an operation is noted by whoever sees it; not where the whole that it belongs to is."""
    return _noting.get()
