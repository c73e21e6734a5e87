"""What probes saw as grids of numbers, places of the model downwards, and where each number lies among the others."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from seqlab.journal.looks import Look

__all__ = ["Grid", "colour", "panels", "shares"]

LOW, HIGH = (237, 244, 250), (8, 48, 107)
"""Colours of the least and of the largest value of a panel."""

Grid = Mapping[str, Sequence[float]]


def panels(seen: Mapping[str, Sequence[Look]]) -> Iterator[tuple[str, Grid, str]]:
    """Title, rows of numbers by place, and what runs to the right."""
    for name, looks in seen.items():
        newest = looks[-1].places
        keys = list(dict.fromkeys(key for profile in newest.values() for key in profile))
        lists = [key for key in keys if any(isinstance(profile.get(key), list) for profile in newest.values())]
        first = next((key for key in keys if key not in lists), None)
        if first is not None:
            grid = {place: [look.places.get(place, {}).get(first, math.nan) for look in looks] for place in newest}
            yield f"{name}: {first}", grid, f"step {looks[0].step:,} to {looks[-1].step:,}"
        for key in lists:
            grid = {place: profile[key] for place, profile in newest.items() if key in profile}
            yield f"{name}: {key}", grid, f"step {looks[-1].step:,}"


def shares(values: Sequence[float], among: Sequence[float]) -> list[float | None]:
    """Where each value lies between the least and the largest of `among`; None for what is no number."""
    finite = [value for value in among if math.isfinite(value)]
    is_log = bool(finite) and min(finite) > 0
    low, high = (min(finite), max(finite)) if finite else (0.0, 0.0)
    scaled = (math.log(low), math.log(high)) if is_log else (low, high)

    def share(value: float) -> float:
        place = math.log(value) if is_log else value
        return (place - scaled[0]) / (scaled[1] - scaled[0]) if scaled[1] > scaled[0] else 0.5

    return [share(value) if math.isfinite(value) else None for value in values]


def colour(share: float) -> str:
    """The colour of a share, from light to dark."""
    mixed = [round(low + share * (high - low)) for low, high in zip(LOW, HIGH, strict=True)]
    return f"#{mixed[0]:02x}{mixed[1]:02x}{mixed[2]:02x}"
