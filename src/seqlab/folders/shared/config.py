"""The configuration of a folder: its fields, under any of their names, and which of them nobody asked for."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar

__all__ = ["Config", "FolderError", "read_config"]

Value = TypeVar("Value", int, float, bool, str)

FILES = ("config.json", "config.yaml")
MISSING: Any = object()


class FolderError(ValueError):
    """What is wrong with a folder: one sentence."""


class Config:
    """The fields of a configuration. Whatever is asked for counts as known; `unknown` are the others."""

    def __init__(self, values: Mapping[str, Any], file: Path) -> None:
        self.values, self.file = values, file
        self._known: set[str] = set()
        self._parts: dict[str, Config] = {}

    @property
    def architectures(self) -> list[str]:
        """The classes that the file names."""
        found = self.values.get("architectures") or [self.values.get("model_type")]
        return [str(name) for name in found if name]

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def take(self, kind: type[Value], *names: str, default: Value = MISSING, fitting: Value | None = None) -> Value:
        """A field under any of its names, of that kind. Where two names disagree, the value `fitting` the weights is
        taken. Raises FolderError where there is none and no default, or one of another kind."""
        found = self.optional(kind, *names, fitting=fitting)
        if found is not None:
            return found
        if default is MISSING or any(name in self.values for name in names):
            raise FolderError(f"{self.file} says nothing of `{'` or `'.join(names)}`; it belongs to another model.")
        return default

    def optional(self, kind: type[Value], *names: str, fitting: Value | None = None) -> Value | None:
        """As `take`; None where the field is not there or null."""
        self._known.update(names)
        found = [self._checked(kind, name) for name in names if self.values.get(name) is not None]
        return fitting if fitting in found else next(iter(found), None)

    def _checked(self, kind: type[Value], name: str) -> Value:
        value = self.values[name]
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if type(value) is not kind:
            raise FolderError(f"`{name}` in {self.file} is {value!r}; it must be {_plain(kind)}.")
        return value

    def part(self, name: str) -> Config:
        """The fields below a name; without fields where there are none."""
        self._known.add(name)
        below = self.values.get(name)
        if name not in self._parts:
            self._parts[name] = Config(below if isinstance(below, Mapping) else {}, self.file)
        return self._parts[name]

    def layers(self, name: str, depth: int) -> frozenset[int]:
        """A list of layers, or `all`; none of them where the field is not there."""
        self._known.add(name)
        found = self.values.get(name) or []
        if found == "all":
            return frozenset(range(depth))
        if not isinstance(found, list) or not all(type(layer) is int and 0 <= layer < depth for layer in found):
            raise FolderError(
                f"`{name}` in {self.file} is {found!r}; it must be a list of layers from 0 to {depth - 1}, or all."
            )
        return frozenset(found)

    def must_be(self, name: str, value: Any) -> None:
        """Raise FolderError where a field is there and has another value, which no model of ours has."""
        self._known.add(name)
        if self.values.get(name, value) != value:
            raise FolderError(
                f"`{name}` in {self.file} is {self.values[name]!r}; seqlab has this model with {value!r} alone."
            )

    def unknown(self, without_meaning: Collection[str]) -> tuple[str, ...]:
        """The fields that nobody asked for, but for those that are known to change nothing."""
        own = self.values.keys() - self._known - set(without_meaning)
        below = (f"{name}.{field}" for name, part in self._parts.items() for field in part.unknown(without_meaning))
        return tuple(sorted([*own, *below]))


def _plain(kind: type) -> str:
    return {int: "a whole number", float: "a number", bool: "true or false", str: "text"}[kind]


def read_config(folder: Path) -> Config:
    """The configuration of a folder. Raises FolderError where there is none, or one that cannot be read."""
    if not folder.is_dir():
        raise FolderError(f"{folder} is no folder.")
    file = next((folder / name for name in FILES if (folder / name).is_file()), None)
    if file is None:
        raise FolderError(f"{folder} has no config.json (nor config.yaml): it is no folder of a model.")
    try:
        values = _parsed(file)
    except (OSError, ValueError) as error:
        raise FolderError(f"{file} cannot be read: {' '.join(str(error).split())}.") from error
    if not isinstance(values, Mapping):
        raise FolderError(f"{file} holds no fields.")
    return Config(values, file)


def _parsed(file: Path) -> Any:
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".json":
        return json.loads(text)
    try:
        import yaml
    except ImportError as error:
        raise FolderError(f"reading {file} needs the package pyyaml: pip install 'seqlab[hf]'") from error
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
