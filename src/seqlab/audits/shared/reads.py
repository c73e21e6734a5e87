"""Which settings of an experiment are read: seen while it is built and stepped, and looked up in a user's file."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import MISSING, fields, replace
from typing import Any

from seqlab.spec import Part
from seqlab.spec.find import user_file_of

__all__ = ["declared", "given", "mentioned", "parts_in", "reading", "varied"]

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
    file = user_file_of(cls)
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.text)) if file else ():
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            found.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
    return found


@contextmanager
def reading() -> Iterator[set[Setting]]:
    """Within, every field that is read of any part is noted, by the part's class."""
    seen: set[Setting] = set()

    def note(part: Part, name: str) -> Any:
        seen.add((type(part), name))
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
