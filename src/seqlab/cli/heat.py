"""What probes saw as bars of text, and as an SVG of coloured cells. Pure functions, by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape

from seqlab.cli.render import figure
from seqlab.journal.looks import Look
from seqlab.journal.panels import Grid, colour, panels, shares

__all__ = ["heat", "sparks"]

BARS = "▁▂▃▄▅▆▇█"
CELL, LINE, LABEL, WIDTH, GAP = 16, 13, 260, 480, 34
"""Pixels: the widest cell, the height of a row, the room for a place's name, that for its cells, between panels."""


def sparks(values: Sequence[float]) -> str:
    """A bar for each value, from the least to the largest; a value that is no number leaves a gap."""
    places = shares(values, values)
    return "".join(" " if share is None else BARS[min(int(share * len(BARS)), len(BARS) - 1)] for share in places)


def heat(title: str, seen: Mapping[str, Sequence[Look]]) -> str:
    """An SVG: for each probe a panel of its first number, a row a place and a column a look; and for each list of
    numbers a panel of the newest look, a column a number. Colours are on a logarithmic scale where all are positive."""
    parts, top = [_text(LABEL, 20, title, weight="bold")], 34
    for name, grid, columns in panels(seen):
        parts += _panel(name, grid, columns, top)
        top += LINE * len(grid) + GAP
    width = LABEL + WIDTH + 90
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{top}" font-family="sans-serif"'
    return "\n".join(
        [f'{head} font-size="10">', f'<rect width="{width}" height="{top}" fill="white"/>', *parts, "</svg>\n"]
    )


def _panel(title: str, grid: Grid, columns: str, top: int) -> Iterator[str]:
    everything = [value for row in grid.values() for value in row]
    wide = min(CELL, WIDTH / max(len(row) for row in grid.values()))
    yield _text(LABEL, top + 9, f"{title}, {columns}", weight="bold")
    for number, (place, row) in enumerate(grid.items()):
        y = top + LINE * (number + 1)
        yield _text(LABEL - 6, y + 10, place or "model", anchor="end")
        for index, share in enumerate(shares(row, everything)):
            if share is not None:
                yield (
                    f'<rect x="{LABEL + index * wide:.1f}" y="{y}" width="{wide:.1f}" height="{LINE - 1}" '
                    f'fill="{colour(share)}"><title>{escape(place)}: {figure(row[index])}</title></rect>'
                )
        yield _text(LABEL + wide * len(row) + 6, y + 10, figure(row[-1]) if "to" in columns else "")


def _text(x: float, y: float, text: str, *, anchor: str = "start", weight: str = "normal") -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" font-weight="{weight}">{escape(text)}</text>'
