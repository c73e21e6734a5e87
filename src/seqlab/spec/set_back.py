"""What a part that was replaced by name has taken with it: a new part has its own defaults, and says so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from typing import Any

from seqlab.spec.errors import SpecError
from seqlab.spec.override import selection
from seqlab.spec.part import Part, label

__all__ = ["set_back"]

_UNKNOWN = object()


def set_back(before: Part, after: Part, changes: Iterable[str]) -> list[str]:
    """A sentence for each change `path=name` after which settings of the part that stood there are lost.

    before, after: a spec and what `override` made of it by these changes. Lost is a field that was no default and
    that the new part has at its default, or not at all, unless a change gives it; of a part within the part, each such
    field by itself. Of a tuple of parts, one that stands in the new tuple too is the same; one that does not was taken
    away.
    """
    asked = {change.partition("=")[0].strip(): change.strip() for change in changes}
    found = {change: _lost(before, after, path, asked) for path, change in asked.items()}
    return [f"`{change}` has its own defaults, and loses {'; '.join(lost)}." for change, lost in found.items() if lost]


def _lost(before: Part, after: Part, path: str, paths: Iterable[str]) -> list[str]:
    given = _given(path, paths)
    lost: dict[str, None] = {}  # in order, and once for all the layers that are alike
    for old, new in _replaced(before, after, path.split(".")):
        lost |= dict.fromkeys(_fields_lost(old, new, _made(type(old)), _made(type(new)), given))
    return list(lost)


def _fields_lost(
    old: Part, new: Part, usual: Part | None, fresh: Part | None, given: frozenset[str], within: str = ""
) -> Iterator[str]:
    """A phrase for each field. usual, fresh: the parts in the place of old and new of which nobody has set anything,
    None where that is not known; within: the path of the parts from the one that was replaced, with a dot behind."""
    for name in (field.name for field in fields(old)):  # type: ignore[arg-type]
        value, path, due = getattr(old, name), f"{within}{name}", getattr(usual, name, _UNKNOWN)
        if path in given or value == due:
            continue
        if not hasattr(new, name):
            yield f"{path}={_typed(value)}, which {label(type(new))} does not have"
            continue
        now, at_first = getattr(new, name), getattr(fresh, name, _UNKNOWN)
        if isinstance(value, Part) and type(value) is type(now):
            first, second = (part if isinstance(part, type(value)) else None for part in (due, at_first))
            yield from _fields_lost(value, now, first, second, given, f"{path}.")
        elif now != value and now == at_first:
            yield f"{path}={_typed(value)}, now {_typed(now)}"


def _given(path: str, paths: Iterable[str]) -> frozenset[str]:
    """The fields that changes below a path give to the part there, or to any of a tuple: `memory.trained`."""
    below = (other.removeprefix(f"{path}.").split(".") for other in paths if other.startswith(f"{path}."))
    return frozenset(".".join(key for key in keys if key.isidentifier() and key != "all") for keys in below)


def _replaced(old: Any, new: Any, keys: Sequence[str]) -> Iterator[tuple[Part, Part]]:
    """The parts at a path, before and after; none where there was no part, or a change above took it away."""
    if not keys:
        if isinstance(old, Part) and isinstance(new, Part):
            yield old, new
        elif isinstance(old, tuple) and isinstance(new, tuple):
            yield from _alike(old, new)
    elif isinstance(old, tuple) and isinstance(new, tuple) and len(old) == len(new):
        chosen = selection(keys[0], len(old), ".".join(keys))
        for one, other in zip(old[chosen], new[chosen], strict=True):
            yield from _replaced(one, other, keys[1:])
    elif isinstance(old, Part) and isinstance(new, Part) and hasattr(old, keys[0]):
        yield from _replaced(getattr(old, keys[0]), getattr(new, keys[0], None), keys[1:])


def _alike(old: Iterable[Any], new: Iterable[Any]) -> Iterator[tuple[Part, Part]]:
    """The parts of two tuples that are of the same class, the first with the first of that class, and so on."""
    left = [part for part in new if isinstance(part, Part)]
    for one in old:
        place = next((place for place, other in enumerate(left) if type(other) is type(one)), None)
        if place is not None:
            yield one, left.pop(place)


def _made(cls: type[Part]) -> Part | None:
    """A part of which nobody has set anything; None where it cannot be made without setting some."""
    try:
        return cls()
    except SpecError:
        return None


def _typed(value: Any) -> str:
    """A value as one would type it."""
    if isinstance(value, Part):
        return label(type(value)).rpartition("/")[2]
    if isinstance(value, tuple):
        return ",".join(map(_typed, value)) or "none"
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)
