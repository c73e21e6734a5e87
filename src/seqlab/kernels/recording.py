"""What is called while a function is being recorded, noted by whoever calls it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["Recording", "note", "recording"]


class Recording:
    """What is called again, in order, and what must live as long."""

    def __init__(self) -> None:
        self.calls: list[Callable[[], object]] = []
        self.kept: list[Any] = []


_open: Recording | None = None


@contextmanager
def recording() -> Iterator[Recording]:
    """Note in a new recording what is called meanwhile; one is open at a time."""
    global _open
    assert _open is None, "one function is recorded at a time"
    _open = Recording()
    try:
        yield _open
    finally:
        _open = None


def note(call: Callable[[], object], kept: Any = None) -> None:
    """Have a call run again too, where something is being recorded; `kept` is what must not be freed before."""
    if _open is not None:
        _open.calls.append(call)
        _open.kept.append(kept)
