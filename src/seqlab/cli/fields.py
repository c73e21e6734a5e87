"""The fields of a spec as one would type them: path, present value, type and docstring, nested parts included."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import click
from pydantic.fields import FieldInfo

from seqlab.cli import render
from seqlab.spec import Part, SpecError, describe, label, names
from seqlab.spec.override import field_types
from seqlab.spec.part import kind_of

__all__ = ["FieldLine", "class_lines", "print_lines", "spec_lines"]


REQUIRED = "(required)"


@dataclass(frozen=True)
class FieldLine:
    """One field: its path on the command line, its value as typed, what it takes, and its docstring."""

    path: str
    value: str
    takes: str
    help: str


def spec_lines(part: Part, prefix: str = "") -> Iterator[FieldLine]:
    """Every field of a spec, parts inside parts following the field that holds them."""
    for line in _own_lines(type(part), vars(part), prefix):
        yield line
        value = getattr(part, line.path.rpartition(".")[2])
        if isinstance(value, Part):
            yield from spec_lines(value, f"{line.path}.")
        elif isinstance(value, tuple):
            for selection, item in _alike(value):
                if isinstance(item, Part):
                    yield from spec_lines(item, f"{line.path}.{selection}.")


def class_lines(cls: type[Part]) -> list[FieldLine]:
    """The fields of a part that nobody has made yet, with their defaults."""
    values = {name: REQUIRED if info.is_required() else info.default for name, info in _infos(cls).items()}
    return list(_own_lines(cls, values, ""))


def _own_lines(cls: type[Part], values: dict[str, Any], prefix: str) -> Iterator[FieldLine]:
    types_, documented = field_types(cls), describe(cls)
    for name, wanted in types_.items():
        yield FieldLine(f"{prefix}{name}", _shown(values[name]), _taken(wanted) + _bounds(cls, name), documented[name])


def _alike(values: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    """Each different value once, with the indices that hold it: `all`, 3, 0:2, or 1:8:2 for every other one."""
    places: list[tuple[Any, list[int]]] = []
    for index, value in enumerate(values):
        found = next((indices for known, indices in places if known == value), None)
        if found is None:
            places.append((value, [index]))
        else:
            found.append(index)
    for value, indices in places:
        for selection in ["all"] if len(indices) == len(values) else _selections(indices):
            yield selection, value


def _selections(indices: list[int]) -> list[str]:
    """One slice where the indices are evenly spaced, else each by itself."""
    gaps = {later - earlier for earlier, later in pairwise(indices)}
    if len(gaps) != 1:
        return [str(index) for index in indices]
    gap = gaps.pop()
    return [f"{indices[0]}:{indices[-1] + 1}" + (f":{gap}" if gap > 1 else "")]


def _shown(value: Any) -> str:
    if isinstance(value, Part):
        return label(type(value)).rpartition("/")[2]
    if isinstance(value, tuple) and value and isinstance(value[0], Part) and value[0].kind is None:
        return f"{len(value)} of {label(type(value[0]))}"
    if isinstance(value, tuple) and value:
        return ",".join(_shown(item) for item in value)
    return render.plain(value)


def _taken(wanted: Any) -> str:
    """What a field takes, in words."""
    origin, options = typing.get_origin(wanted), typing.get_args(wanted)
    if origin is typing.Annotated:
        return _taken(options[0])
    if origin in (typing.Union, types.UnionType):
        named = [_taken(option) for option in options if option is not type(None)]
        return " or ".join(named + ["none"] * (type(None) in options))
    if origin is Literal:
        return "|".join(map(str, options))
    if origin is tuple:
        several = isinstance(options[0], type) and issubclass(options[0], Part) and options[0].kind is None
        each = "set the fields of one or of all" if several else f"{_taken(options[0])}, ..."
        return each if options[-1] is Ellipsis else ",".join(map(_taken, options))
    if isinstance(wanted, type) and issubclass(wanted, Part):
        return _members(wanted)
    return {"int": "whole number", "float": "number", "str": "text", "bool": "true|false"}.get(
        wanted.__name__, str(wanted)
    )


def _members(wanted: type[Part]) -> str:
    if (
        wanted.kind is None or kind_of(wanted) is not wanted
    ):  # a part without alternatives, or one of a kind that is meant alone
        return "set its fields"
    try:
        return "|".join(names(wanted.kind))
    except SpecError:
        return wanted.kind


def _infos(cls: type[Part]) -> dict[str, FieldInfo]:
    return cls.__pydantic_fields__  # type: ignore[attr-defined,no-any-return]  # every part is a pydantic dataclass


def _bounds(cls: type[Part], name: str) -> str:
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    limits = [f"{signs[key]} {getattr(m, key)}" for m in _infos(cls)[name].metadata for key in signs if hasattr(m, key)]
    return f", {', '.join(limits)}" if limits else ""


def print_lines(lines: Sequence[FieldLine]) -> None:
    """Print path = value with what it takes, and the docstring below."""
    for line in lines:
        value, takes = click.style(line.value, bold=True), click.style(f"  ({line.takes})", dim=True)
        head = f"  {line.path} = {line.value}  ({line.takes})"
        if len(head) <= render.WIDTH:
            click.echo(f"  {line.path} = {value}{takes}")
        else:
            takes = render.indented(f"({line.takes.replace('|', ' | ')})", by=6)  # lines break at spaces alone
            click.echo(f"  {line.path} = {value}\n{click.style(takes, dim=True)}")
        if line.help:
            click.echo(render.indented(" ".join(line.help.split()), by=6))
