"""Compare specs: what differs, field by field, and a short id of the content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from seqlab.differences import differences
from seqlab.spec.part import Part
from seqlab.spec.saved import to_json

__all__ = ["diff", "id"]


def diff(a: Part | Mapping[str, Any], b: Part | Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The fields in which two specs differ: path -> (value in a, value in b); empty when they are equal.

    Takes parts or their saved JSON, so that records of parts that no longer exist can be compared. Where two parts
    have different tags the tags are the difference. A field that one side lacks has the value "(absent)" there.
    """
    left = to_json(a) if isinstance(a, Part) else dict(a)
    right = to_json(b) if isinstance(b, Part) else dict(b)
    return differences(left, right)


def id(part: Part) -> str:
    """Twelve hexadecimal digits of the SHA-256 of a spec's content, equal on every machine.

    Locations (a path, a cache) are replaced by the hash of what lies there; see `Part.located`.
    """
    content = json.dumps(to_json(_without_locations(part)), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(content.encode()).hexdigest()[:12]


def _without_locations(part: Part) -> Part:
    located = part.located()
    # A hash in place of a path would not pass the part's own checks, and need not.
    copy = object.__new__(type(part))
    for field in fields(part):  # type: ignore[arg-type]
        value = located[field.name] if field.name in located else _inside(getattr(part, field.name))
        object.__setattr__(copy, field.name, value)
    return copy


def _inside(value: Any) -> Any:
    if isinstance(value, Part):
        return _without_locations(value)
    return tuple(_inside(item) for item in value) if isinstance(value, tuple) else value
