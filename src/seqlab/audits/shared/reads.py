"""Which settings of an experiment are read: seen while it is built and stepped, and looked up in a user's file."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import MISSING, fields, replace
from typing import Any

from seqlab.spec import Part
from seqlab.spec.find import user_file_of

__all__ = ["declared", "given", "mentioned", "parts_in", "reading", "takes_all", "varied"]

Setting = tuple[type[Part], str]
"""A field of a class of parts."""


def parts_in(value: Any, path: str = "") -> Iterator[tuple[str, Part]]:
    """A part and all parts within it, by path."""
    if isinstance(value, Part):
        yield path, value
        for field in fields(value):  # type: ignore[arg-type]
            yield from parts_in(getattr(value, field.name), f"{path}.{field.name}".lstrip("."))
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from parts_in(item, f"{path}.{index}")


def given(part: Part) -> set[str]:
    """The fields whose value is not the default one."""
    return {
        field.name
        for field in fields(part)  # type: ignore[arg-type]
        if getattr(part, field.name) != _default(field)
    }


def _default(field: Any) -> Any:
    value = field.default if field.default is not MISSING else None
    return getattr(value, "default", value)


def declared(cls: type[Part]) -> set[str]:
    """The fields that a class of a user's file declares itself, and does not inherit."""
    names = {field.name for field in fields(cls)}  # type: ignore[arg-type]
    return names & set(cls.__dict__.get("__annotations__", {})) if user_file_of(cls) else set()


def mentioned(cls: type[Part]) -> set[str]:
    """Every name that a user's file takes of something (`.name`, or "name" for getattr)."""
    found: set[str] = set()
    for node in _nodes(cls):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            found.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
    return found


def takes_all(cls: type[Part]) -> bool:
    """Whether a user's file takes all fields of something at once, as `Prepared(**vars(self))` does."""
    at_once = {"vars", "asdict", "astuple", "__dict__"}
    return any(getattr(node, "id", getattr(node, "attr", None)) in at_once for node in _nodes(cls))


def _nodes(cls: type[Part]) -> Iterator[ast.AST]:
    file = user_file_of(cls)
    return ast.walk(ast.parse(file.text)) if file else iter(())


@contextmanager
def reading() -> Iterator[set[Setting]]:
    """Within, every field that is read of any part is noted, by the part's class; `vars(part)` reads all of them."""
    seen: set[Setting] = set()

    def note(part: Part, name: str) -> Any:
        seen.add((type(part), name))
        if name == "__dict__" and sys._getframe(1).f_globals.get("__name__") != "copy":  # copies are not readers
            seen.update((type(part), field.name) for field in fields(part))  # type: ignore[arg-type]
        return object.__getattribute__(part, name)

    Part.__getattribute__ = note  # type: ignore[method-assign,assignment]
    try:
        yield seen
    finally:
        del Part.__getattribute__


def varied(value: Any, setting: Setting, new: Any) -> Any:
    """The same spec with one setting changed wherever its class occurs."""
    if isinstance(value, tuple):
        return tuple(varied(item, setting, new) for item in value)
    if not isinstance(value, Part):
        return value
    names = [field.name for field in fields(value)]  # type: ignore[arg-type]
    changes = {name: varied(getattr(value, name), setting, new) for name in names}
    if type(value) is setting[0]:
        changes[setting[1]] = new
    return replace(value, **changes)  # type: ignore[type-var]
