"""Grids of coloured cells: what probes saw, place by place, and how the result of a sweep depends on two knobs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from markupsafe import Markup

from seqlab.journal.panels import Grid, colour, shares
from seqlab.sweeps.sensitivity import Heat
from seqlab.web.svg import svg, text
from seqlab.web.words import setting
from seqlab.wording import figure

__all__ = ["grid", "heat_map"]

LINE, WIDTH, CELL = 15, 520, 18.0
"""Pixels of a grid: the height of a row, the room for its cells, the widest cell."""
LETTER, LABELS = 7, (60, 230)
TALL, WIDE, LABEL, LEAST = 26, 72, 110, 360
"""Pixels of a map: the height of a row, the width of a cell, the room for a row's value, the narrowest map."""
DARK = 0.55
"""A cell above this share is dark, and what stands in it light."""


def grid(values: Grid, title: str, columns: Sequence[str]) -> Markup:
    """Places downwards, looks or numbers to the right, each cell coloured by its place among all of them."""
    count = max((len(row) for row in values.values()), default=1)
    wide = max(4.0, min(CELL, WIDTH / count))
    label = min(max(LETTER * max(map(len, values), default=0), LABELS[0]), LABELS[1])
    everything = [value for row in values.values() for value in row]
    parts: list[str] = []
    for number, (place, row) in enumerate(values.items()):
        y = number * LINE
        parts.append(text(label - 6, y + 11, place or "model", "end"))
        for index, share in enumerate(shares(row, everything)):
            if share is not None:
                where = columns[index] if index < len(columns) else str(index)
                told = f"{place or 'model'}, {where}: {figure(row[index])}"
                parts.append(_cell(label + index * wide, y, wide, LINE - 1, share, told))
        parts.append(text(label + count * wide + 6, y + 11, figure(row[-1]) if len(row) else ""))
    return svg("grid", label + count * wide + 70, LINE * len(values) + 2, title, parts)


def _cell(x: float, y: float, wide: float, high: float, share: float, told: str) -> str:
    size = f'width="{wide:.1f}" height="{high:.1f}"'
    return f'<rect x="{x:.1f}" y="{y:.1f}" {size} fill="{colour(share)}"><title>{escape(told)}</title></rect>'


def heat_map(both: Heat, higher_is_better: bool) -> Markup:
    """How the result depends on two knobs: the better, the darker; a star where a cell may be the best."""
    (first, second), (rows, columns) = both.knobs, both.values
    width, height = max(LABEL + WIDE * len(columns) + 4, LEAST), 18 + TALL * len(rows) + 20
    parts = [text(LABEL + index * WIDE + WIDE / 2, 12, setting(value), "middle") for index, value in enumerate(columns)]
    parts += _map_rows(both, higher_is_better)
    parts.append(text(LABEL, height - 4, f"{first} downwards, {second} to the right", kind="name"))
    return svg("heat", width, height, f"how the result depends on {first} and {second}", parts)


def _map_rows(both: Heat, higher_is_better: bool) -> Iterator[str]:
    everything = [mean for row in both.means for mean in row if mean is not None]
    for number, (value, means) in enumerate(zip(both.values[0], both.means, strict=True)):
        y = 18 + number * TALL
        yield text(LABEL - 6, y + 17, setting(value), "end")
        for index, mean in enumerate(means):
            if mean is not None:
                share = shares([mean if higher_is_better else -mean], _signed(everything, higher_is_better))[0] or 0.0
                x, told = LABEL + index * WIDE, f"{mean:.4g}{'*' * both.ties[number][index]}"
                yield _cell(x, y, WIDE - 2, TALL - 2, share, told)
                yield text(x + WIDE / 2 - 1, y + 16, told, "middle", "light" if share > DARK else "dark")


def _signed(values: Sequence[float], higher_is_better: bool) -> list[float]:
    """So that the better is always the larger."""
    return [value if higher_is_better else -value for value in values]
