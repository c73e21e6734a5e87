"""Where two saved specs differ. Imports nothing: a listing of many runs need not wait for the classes of the specs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["differences"]

ABSENT = "(absent)"


def differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The paths at which two JSON objects differ -> (value in a, value in b); empty when they are equal.

    Where two parts have different tags the tags are the difference. What one side lacks has the value "(absent)" there.
    """
    found: dict[str, tuple[Any, Any]] = {}
    _compare(a, b, "", found)
    return found


def _compare(a: Any, b: Any, path: str, found: dict[str, tuple[Any, Any]]) -> None:
    if a == b and repr(a) == repr(b):  # == alone takes 1, 1.0 and True for the same
        return
    if isinstance(a, dict) and isinstance(b, dict):
        if a.get("part") != b.get("part"):
            found[path or "part"] = (a.get("part", ABSENT), b.get("part", ABSENT))
            return
        for key in [*a, *(key for key in b if key not in a)]:
            _compare(a.get(key, ABSENT), b.get(key, ABSENT), f"{path}.{key}".lstrip("."), found)
    elif isinstance(a, list) and isinstance(b, list):
        for index in range(max(len(a), len(b))):
            left = a[index] if index < len(a) else ABSENT
            right = b[index] if index < len(b) else ABSENT
            _compare(left, right, f"{path}.{index}", found)
    elif type(a) is not type(b) or a != b:
        found[path] = (_named(a), _named(b))


def _named(value: Any) -> Any:
    return value["part"] if isinstance(value, dict) and "part" in value else value
