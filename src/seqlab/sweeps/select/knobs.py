"""The knobs of a sweep: which there are, which are numbers with an order, and which name a way of doing things."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from seqlab.sweeps.select.groups import Group

__all__ = ["is_number", "is_ordered", "knobs", "numbers", "varied", "without"]


def knobs(groups: Iterable[Group]) -> dict[str, list[Any]]:
    """Path -> the different values that the cells have, ordered ones in their order, else in that of the cells."""
    found: dict[str, list[Any]] = {}
    for group in groups:
        for path, value in group.settings.items():
            values = found.setdefault(path, [])
            if not any(value == one and type(value) is type(one) for one in values):
                values.append(value)
    return {path: _in_order(values) if is_ordered(values) else values for path, values in found.items()}


def _in_order(values: Sequence[Any]) -> list[Any]:
    return [value for value in values if value is None] + numbers(values)


def is_ordered(values: Sequence[Any]) -> bool:
    """Whether the values of a knob are more and less of one thing: numbers, perhaps with `none` beside several."""
    return len(numbers(values)) + (None in values and len(numbers(values)) > 1) == len(values)


def numbers(values: Iterable[Any]) -> list[Any]:
    """The numbers among the values, ascending."""
    return sorted(value for value in values if is_number(value))


def is_number(value: Any) -> bool:
    """Whether a setting has an order: not so true and false."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def without(settings: Mapping[str, Any], *paths: str) -> dict[str, Any]:
    """The other settings."""
    return {path: value for path, value in settings.items() if path not in paths}


def varied(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """The paths that not all cells have alike; all of them where there is a single cell."""
    paths = dict.fromkeys(path for each in settings for path in each)
    absent = object()
    return [
        path
        for path in paths
        if len(settings) == 1 or any(each.get(path, absent) != settings[0].get(path, absent) for each in settings)
    ]
