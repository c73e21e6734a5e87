"""What probes saw as bars of text, and as an SVG of coloured cells. Pure functions, by hand."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape

from seqlab.cli.render import figure
from seqlab.journal.looks import Look

__all__ = ["heat", "sparks"]

BARS = "▁▂▃▄▅▆▇█"
CELL, LINE, LABEL, WIDTH, GAP = 16, 13, 260, 480, 34
"""Pixels: the widest cell, the height of a row, the room for a place's name, that for its cells, between panels."""
LOW, HIGH = (237, 244, 250), (8, 48, 107)
"""Colours of the least and of the largest value of a panel."""

Grid = Mapping[str, Sequence[float]]


def sparks(values: Sequence[float]) -> str:
    """A bar for each value, from the least to the largest; a value that is no number leaves a gap."""
    shares = _shares(values, values)
    return "".join(" " if share is None else BARS[min(int(share * len(BARS)), len(BARS) - 1)] for share in shares)


def heat(title: str, seen: Mapping[str, Sequence[Look]]) -> str:
    """An SVG: for each probe a panel of its first number, a row a place and a column a look; and for each list of
    numbers a panel of the newest look, a column a number. Colours are on a logarithmic scale where all are positive."""
    parts, top = [_text(LABEL, 20, title, weight="bold")], 34
    for name, grid, columns in _panels(seen):
        parts += _panel(name, grid, columns, top)
        top += LINE * len(grid) + GAP
    width = LABEL + WIDTH + 90
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{top}" font-family="sans-serif"'
    return "\n".join(
        [f'{head} font-size="10">', f'<rect width="{width}" height="{top}" fill="white"/>', *parts, "</svg>\n"]
    )


def _panels(seen: Mapping[str, Sequence[Look]]) -> Iterator[tuple[str, Grid, str]]:
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


def _panel(title: str, grid: Grid, columns: str, top: int) -> Iterator[str]:
    everything = [value for row in grid.values() for value in row]
    wide = min(CELL, WIDTH / max(len(row) for row in grid.values()))
    yield _text(LABEL, top + 9, f"{title}, {columns}", weight="bold")
    for number, (place, row) in enumerate(grid.items()):
        y = top + LINE * (number + 1)
        yield _text(LABEL - 6, y + 10, place or "model", anchor="end")
        for index, share in enumerate(_shares(row, everything)):
            if share is not None:
                yield (
                    f'<rect x="{LABEL + index * wide:.1f}" y="{y}" width="{wide:.1f}" height="{LINE - 1}" '
                    f'fill="{_colour(share)}"><title>{escape(place)}: {figure(row[index])}</title></rect>'
                )
        yield _text(LABEL + wide * len(row) + 6, y + 10, figure(row[-1]) if "to" in columns else "")


def _shares(values: Sequence[float], among: Sequence[float]) -> list[float | None]:
    """Where each value lies between the least and the largest of `among`; None for what is no number."""
    finite = [value for value in among if math.isfinite(value)]
    is_log = bool(finite) and min(finite) > 0
    low, high = (min(finite), max(finite)) if finite else (0.0, 0.0)
    scaled = (math.log(low), math.log(high)) if is_log else (low, high)

    def share(value: float) -> float:
        place = math.log(value) if is_log else value
        return (place - scaled[0]) / (scaled[1] - scaled[0]) if scaled[1] > scaled[0] else 0.5

    return [share(value) if math.isfinite(value) else None for value in values]


def _colour(share: float) -> str:
    mixed = [round(low + share * (high - low)) for low, high in zip(LOW, HIGH, strict=True)]
    return f"#{mixed[0]:02x}{mixed[1]:02x}{mixed[2]:02x}"


def _text(x: float, y: float, text: str, *, anchor: str = "start", weight: str = "normal") -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" font-weight="{weight}">{escape(text)}</text>'
