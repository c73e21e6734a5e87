"""Drawings of a model beside its family: contact maps and scatters, plain SVG."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape

import numpy as np
from numpy.typing import NDArray

from seqlab.couplings.pairwise import Array

__all__ = ["contact_drawing", "scatter"]

SIDE, ROOM = 420, 46
"""Of the square that is drawn in, and around it, in pixels."""
COLOURS = ("#999999", "#ee6677", "#4477aa")
MOST = 4000
"""Points of a scatter that are drawn."""


def contact_drawing(scores: Array, contacts: NDArray[np.bool_] | None, count: int, separation: int) -> str:
    """Above the diagonal the contacts of a structure, grey; below it the `count` highest scores, red where wrong."""
    length = len(scores)
    cell = SIDE / length
    i, j = np.triu_indices(length, separation)
    best = np.argsort(-scores[i, j], kind="stable")[:count]
    squares = []
    if contacts is not None:
        squares = [(b, a, COLOURS[0]) for a, b in zip(i, j, strict=True) if contacts[a, b]]
    for a, b in zip(i[best], j[best], strict=True):
        right = contacts is None or contacts[a, b]
        squares.append((a, b, COLOURS[2] if right else COLOURS[1]))
    sides = f'width="{max(cell, 2.0):.1f}" height="{max(cell, 2.0):.1f}"'
    marks = (
        f'<rect x="{ROOM + x * cell:.1f}" y="{ROOM + y * cell:.1f}" {sides} fill="{fill}"/>' for x, y, fill in squares
    )
    return _drawing(f"{count} strongest couplings (below), contacts (above)", "column", "column", marks)


def scatter(groups: Mapping[str, tuple[Array, Array]], title: str, x: str, y: str, equal: bool = False) -> str:
    """Points of each group in a colour of its own; `equal`: a line where both axes agree."""
    xs, ys = (np.concatenate([group[axis] for group in groups.values()]) for axis in (0, 1))
    left, right, bottom, top = xs.min(), xs.max(), ys.min(), ys.max()
    if equal:
        left = bottom = min(left, bottom)
        right = top = max(right, top)
    wide, high = max(right - left, 1e-12), max(top - bottom, 1e-12)
    marks = []
    for number, (name, (across, up)) in enumerate(groups.items()):
        step = max(1, len(across) // MOST)
        for a, b in zip(across[::step], up[::step], strict=True):
            place = f'cx="{ROOM + (a - left) / wide * SIDE:.1f}" cy="{ROOM + (top - b) / high * SIDE:.1f}"'
            marks.append(f'<circle {place} r="1.4" fill="{COLOURS[number]}" fill-opacity="0.5"/>')
        marks.append(
            f'<text x="{ROOM + 8}" y="{ROOM + 16 + 14 * number}" fill="{COLOURS[number]}">{escape(name)}</text>'
        )
    if equal:
        marks.append(f'<path d="M{ROOM} {ROOM + SIDE}L{ROOM + SIDE} {ROOM}" stroke="#333333" stroke-dasharray="4 3"/>')
    return _drawing(title, x, y, iter(marks))


def _drawing(title: str, x: str, y: str, marks: Iterator[str]) -> str:
    whole, middle = SIDE + 2 * ROOM, ROOM + SIDE / 2
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{whole}" height="{whole}" font-family="sans-serif" '
            'font-size="11">',
            f'<rect width="{whole}" height="{whole}" fill="white"/>',
            f'<rect x="{ROOM}" y="{ROOM}" width="{SIDE}" height="{SIDE}" fill="none" stroke="#999999"/>',
            f'<text x="{ROOM}" y="{ROOM - 14}" font-weight="bold">{escape(title)}</text>',
            f'<text x="{middle}" y="{whole - 12}" text-anchor="middle">{escape(x)}</text>',
            f'<text x="14" y="{middle}" text-anchor="middle" transform="rotate(-90 14 {middle})">{escape(y)}</text>',
            *marks,
            "</svg>\n",
        ]
    )
