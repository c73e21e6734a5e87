"""Settings of a module, changed while something is measured."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

__all__ = ["temporarily"]


@contextmanager
def temporarily(module: ModuleType, **values: object) -> Iterator[None]:
    """Let names of a module stand for these values meanwhile."""
    before = {name: getattr(module, name) for name in values}
    vars(module).update(values)
    try:
        yield
    finally:
        vars(module).update(before)
