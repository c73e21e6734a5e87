"""Benchmarks as a drawing: times over lengths on logarithmic axes, and bars with their targets. Plain SVG, by hand."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape

from seqlab.bench import Row
from seqlab.cli.canvas import Frame, frame_of
from seqlab.cli.render import figure

__all__ = ["drawing"]

WIDTH, HEIGHT, LEFT, RIGHT, GAP = 460, 300, 60, 150, 56
"""Of the area of one plot, and the room beside it, in pixels."""
BAR, LINE = 34, 15
COLOURS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#777777", "#000000")  # Tol's bright ones
DASHES = ("none", "6 3", "2 2")
"""A curve's dashes tell it from the one that had its colour before."""

Curves = Mapping[str, Sequence[tuple[float, float]]]


def drawing(rows: Sequence[Row]) -> str:
    """An SVG of the rows of `mixers`: for each dtype and pass a plot of milliseconds over lengths, a curve a mixer;
    below, for each contest of a duel a bar as long as ours is faster, and a stroke at its target."""
    parts: list[str] = []
    top = GAP
    for title, curves in _plots(rows).items():
        parts += _plot(title, curves, top)
        top += max(HEIGHT, LINE * len(curves)) + GAP + LINE
    contests = [row for row in rows if row.unit == "x faster" and math.isfinite(row.value)]
    if contests:
        parts += _bars(contests, top)
        top += BAR * len(contests) + GAP
    width = LEFT + WIDTH + RIGHT
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{top}" font-family="sans-serif" '
            'font-size="11">',
            f'<rect width="{width}" height="{top}" fill="white"/>',
            *parts,
            "</svg>\n",
        ]
    )


def _plots(rows: Sequence[Row]) -> dict[str, dict[str, list[tuple[float, float]]]]:
    """The curves of each plot by its title."""
    plots: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for row in rows:
        if "mixer" in row.labels and not row.error:
            title = f"{row.labels['dtype']} {row.labels['pass']}"
            curve = plots.setdefault(title, {}).setdefault(str(row.labels["mixer"]), [])
            curve.append((float(row.labels["length"]), row.value))
    return plots


def _plot(title: str, curves: Curves, top: int) -> Iterator[str]:
    frame = frame_of(list(curves.values()), log_x=True, log_y=True)
    yield _text(LEFT, top - 12, f"{title}: ms over length", weight="bold")
    yield f'<rect x="{LEFT}" y="{top}" width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#999999"/>'
    for x in sorted({x for points in curves.values() for x, _ in points}):
        yield _text(_place(frame, x, frame.bottom, top)[0], top + HEIGHT + LINE, f"{x:,.0f}", anchor="middle")
    for y in _powers_of_ten(frame.bottom, frame.top):
        _, height = _place(frame, frame.left, y, top)
        yield f'<path d="M{LEFT} {height}h{WIDTH}" stroke="#dddddd"/>'
        yield _text(LEFT - 6, height + 4, f"{y:g}", anchor="end")
    for number, (name, points) in enumerate(curves.items()):
        colour, dashes = COLOURS[number % len(COLOURS)], DASHES[number // len(COLOURS) % len(DASHES)]
        places = [_place(frame, x, y, top) for x, y in sorted(points)]
        look = f'fill="none" stroke="{colour}" stroke-width="1.6" stroke-dasharray="{dashes}"'
        yield f'<polyline points="{" ".join(f"{x},{y}" for x, y in places)}" {look}/>'
        yield from (f'<circle cx="{x}" cy="{y}" r="2.5" fill="{colour}"/>' for x, y in places)
        beside, line = LEFT + WIDTH + 12, top + LINE * number + 8
        yield f'<path d="M{beside} {line - 4}h20" {look}/>'
        yield _text(beside + 26, line, name)


def _place(frame: Frame, x: float, y: float, top: int) -> tuple[int, int]:
    """The pixel of a value in the plot that begins at `top`."""
    inside = frame.place(x, y, WIDTH + 1, HEIGHT + 1)
    assert inside is not None  # the frame was made for these values
    return LEFT + inside[0], top + inside[1]


def _powers_of_ten(bottom: float, top: float) -> list[float]:
    return [10.0**power for power in range(math.ceil(math.log10(bottom)), math.floor(math.log10(top)) + 1)]


def _bars(contests: Sequence[Row], top: int) -> Iterator[str]:
    reached = [value for row in contests for value in (row.value, row.target or 0.0)]
    scale = WIDTH / max([*reached, 1.0])
    yield _text(LEFT, top - 12, "times as fast as the peer; a stroke marks the target", weight="bold")
    for number, row in enumerate(contests):
        y = top + BAR * number
        told = f"{figure(row.value)} x" + (f", {figure(row.target)} x wanted" if row.target is not None else "")
        yield _text(LEFT, y + 10, f"{row.what}, beside {row.peer}")
        yield _text(LEFT + max(row.value, row.target or 0.0) * scale + 6, y + 24, told)
        colour = COLOURS[1] if row.misses else COLOURS[0]
        yield f'<rect x="{LEFT}" y="{y + 15}" width="{row.value * scale:.1f}" height="10" fill="{colour}"/>'
        if row.target is not None:
            yield f'<path d="M{LEFT + row.target * scale:.1f} {y + 13}v14" stroke="black" stroke-width="2"/>'


def _text(x: float, y: float, text: str, *, anchor: str = "start", weight: str = "normal") -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" font-weight="{weight}">{escape(text)}</text>'
