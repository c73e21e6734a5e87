"""What a part that was replaced by name has taken with it: a new part has its own defaults, and says so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from typing import Any

from seqlab.spec.errors import SpecError
from seqlab.spec.override import selection
from seqlab.spec.part import Part, label

__all__ = ["set_back"]


def set_back(before: Part, after: Part, changes: Iterable[str]) -> list[str]:
    """A sentence for each change `path=name` after which settings of the part that stood there are lost.

    before, after: a spec and what `override` made of it by these changes. Lost is a field that was no default and
    that the new part has at its default, or not at all, unless a change gives it. Of a tuple of parts, one that stands
    in the new tuple too is the same; one that does not was taken away.
    """
    asked = {change.partition("=")[0].strip(): change.strip() for change in changes}
    found = {change: _lost(before, after, path, asked) for path, change in asked.items()}
    return [f"`{change}` has its own defaults, and loses {'; '.join(lost)}." for change, lost in found.items() if lost]


def _lost(before: Part, after: Part, path: str, paths: Iterable[str]) -> list[str]:
    given = _given(path, paths)
    lost: dict[str, None] = {}  # in order, and once for all the layers that are alike
    for old, new in _replaced(before, after, path.split(".")):
        usual, now = _defaults(type(old)), _defaults(type(new))
        for name, value in vars(old).items():
            if name in given or (name in usual and value == usual[name]):
                continue
            if not hasattr(new, name):
                lost[f"{name}={_typed(value)}, which {label(type(new))} does not have"] = None
            elif getattr(new, name) != value and getattr(new, name) == now.get(name, value):
                lost[f"{name}={_typed(value)}, now {_typed(getattr(new, name))}"] = None
    return list(lost)


def _given(path: str, paths: Iterable[str]) -> set[str]:
    """The fields that changes below a path give to the part there, or to any of a tuple of parts."""
    below = (other.removeprefix(f"{path}.").split(".") for other in paths if other.startswith(f"{path}."))
    return {next((key for key in keys if key.isidentifier() and key != "all"), "") for keys in below}


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


def _defaults(cls: type[Part]) -> dict[str, Any]:
    """The fields of a part that nobody has set; none where it cannot be made without setting some."""
    try:
        made = cls()
    except SpecError:
        return {}
    return {field.name: getattr(made, field.name) for field in fields(cls)}  # type: ignore[arg-type]


def _typed(value: Any) -> str:
    """A value as one would type it."""
    if isinstance(value, Part):
        return label(type(value)).rpartition("/")[2]
    if isinstance(value, tuple):
        return ",".join(map(_typed, value)) or "none"
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)
