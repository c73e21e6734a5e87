"""The saved form of a spec: JSON of our own, each part tagged, exact in both directions.

    {"schema": 1, "part": "experiment:Experiment", "seed": 0, "model": {"part": "models/lm", "dim": 128, ...}, ...}

A tag is `kind/name` for a member of a kind, `module:Class` for a part without alternatives, and
`file:SHA256:Class` for a part from a user's file.
"""

from __future__ import annotations

import importlib
from dataclasses import fields
from pathlib import Path
from typing import Any

from seqlab.spec.errors import SpecError
from seqlab.spec.find import find, loaded_file, user_file_of
from seqlab.spec.part import Part, label

__all__ = ["SCHEMA", "from_json", "tag", "to_json"]

SCHEMA = 1

# Old tag -> new tag, for every part that was ever renamed or moved: an old record must open for ever.
ALIASES: dict[str, str] = {}


def tag(cls: type[Part]) -> str:
    """The name under which a part is saved."""
    if file := user_file_of(cls):
        return f"file:{file.sha256}:{cls.__name__}"
    if cls.kind:
        return label(cls)
    return f"{cls.__module__.removeprefix('seqlab.')}:{cls.__name__}"


def to_json(part: Part) -> dict[str, Any]:
    """A spec as plain JSON values; `from_json` gives back an equal spec."""
    return {"schema": SCHEMA, **_encode(part)}


def _encode(value: Any) -> Any:
    if isinstance(value, Part):
        return {"part": tag(type(value))} | {f.name: _encode(getattr(value, f.name)) for f in fields(value)}  # type: ignore[arg-type]
    if isinstance(value, tuple):
        return [_encode(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise SpecError(f"a spec holds numbers, words, tuples and parts, not a {type(value).__name__}.")


def from_json(saved: dict[str, Any], source: Path | None = None) -> Part:
    """The spec that `to_json` saved.

    source: the run's `source/` folder, where the user's files lie that the spec's own parts come from.
    Raises SpecError when the schema is newer than this program or a part is no longer to be found.
    """
    schema = saved.get("schema", SCHEMA)
    if schema > SCHEMA:
        raise SpecError(f"this record has schema {schema} and this seqlab reads up to {SCHEMA}; update seqlab.")
    part = _decode({key: value for key, value in saved.items() if key != "schema"}, source)
    if not isinstance(part, Part):
        raise SpecError("this JSON is not a saved spec: it has no `part`.")
    return part


def _decode(value: Any, source: Path | None) -> Any:
    if isinstance(value, list):
        return tuple(_decode(item, source) for item in value)
    if not isinstance(value, dict) or "part" not in value:
        return value
    name: str = value["part"]
    cls = _class_of(ALIASES.get(name, name), source)
    values = {key: _decode(item, source) for key, item in value.items() if key != "part"}
    try:
        return cls(**values)
    except SpecError as error:
        raise SpecError(f"{error} This spec was saved by another version of seqlab, or changed by hand.") from None


def _class_of(name: str, source: Path | None) -> type[Part]:
    if name.startswith("file:"):
        return _class_from_file(name, source)
    if ":" in name:
        module, _, class_name = name.partition(":")
        try:
            cls = getattr(importlib.import_module(f"seqlab.{module}"), class_name)
        except (ImportError, AttributeError):
            raise SpecError(f"the part `{name}` of this record is not in this version of seqlab.") from None
        if not (isinstance(cls, type) and issubclass(cls, Part)):
            raise SpecError(f"`{name}` is not a part.")
        return cls
    kind, _, member = name.rpartition("/")
    return find(kind, member)


def _class_from_file(name: str, source: Path | None) -> type[Part]:
    _, digest, class_name = name.split(":")
    file = loaded_file(digest, source)
    if file is None:
        where = source if source is not None else "this process"
        raise SpecError(f"the part `{class_name}` comes from a user's file {digest[:12]} that is not in {where}.")
    cls: type[Part] = getattr(file.module, class_name)
    return cls
