"""A chart as SVG within an HTML page: its colours are classes of the page's style, which has two schemes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby

from seqlab.report.page import Chart, Line
from seqlab.report.scale import Scale, scale_of, tick

__all__ = ["COLOURS", "drawn", "look"]

WIDTH, HEIGHT = 480, 250
LEFT, RIGHT, TOP, BOTTOM = 52, 10, 12, 36
"""Room beside the plot for the numbers and the names of the axes."""
COLOURS = 8
"""So many the style has; the curves beyond are dashed."""
WIDEST_TICK = 64
NOTE = 11
"""Pixels between two notes, so that both can be read."""


def look(number: int) -> str:
    """The classes of the curve of this number."""
    return f"c{number % COLOURS} d{number // COLOURS % 3}"


def drawn(chart: Chart) -> str:
    """The SVG. Names and captions of the chart stand in the page, not in it."""
    across, up = _scales(chart)
    floors, marks = _floors(chart, up), _marks(chart, across)
    parts = [*_axes(chart, across, up), *(f'<path class="floor" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>' for y in floors)]
    parts += [f'<path class="mark" d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}"/>' for x in marks]
    for number, line in enumerate(chart.lines):
        parts += _curve(line, look(number), across, up)
    parts += [_text(WIDTH - RIGHT, y - 3, name, "end", "note") for y, name in floors.items()]
    parts += [_beside(x, name) for x, name in marks.items()]
    label = escape(f"{chart.y} over {chart.x}: {', '.join(line.name for line in chart.lines)}")
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">\n' + "\n".join(parts) + "\n</svg>"


def _scales(chart: Chart) -> tuple[Scale, Scale]:
    points = [point for line in chart.lines for point in line.points if math.isfinite(point[1])]
    ends = [value for line in chart.lines for _, *both in line.band for value in both]
    across = scale_of([x for x, _ in points], is_log=chart.is_log_x, margin=0.04 * _has_dots(chart))
    return across, scale_of([y for _, y in points] + ends, is_log=chart.is_log_y, margin=0.04)


def _has_dots(chart: Chart) -> bool:
    return any(line.has_dots for line in chart.lines)


def _x(scale: Scale, value: float) -> float | None:
    share = scale.share(value)
    return None if share is None else LEFT + share * (WIDTH - LEFT - RIGHT)


def _y(scale: Scale, value: float) -> float | None:
    share = scale.share(value)
    return None if share is None else TOP + (1 - share) * (HEIGHT - TOP - BOTTOM)


def _axes(chart: Chart, across: Scale, up: Scale) -> Iterator[str]:
    ground = HEIGHT - BOTTOM
    for value in up.ticks():
        if (y := _y(up, value)) is not None:
            yield f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>'
            yield _text(LEFT - 6, y + 4, tick(value), "end")
    for value in _places_of_ticks(chart, across):
        if (x := _x(across, value)) is not None:
            yield f'<path class="axis" d="M{x:.1f} {ground}v4"/>'
            yield _text(x, ground + 16, tick(value), "middle")
    yield f'<path class="axis" d="M{LEFT} {ground}H{WIDTH - RIGHT}"/>'
    yield _text(WIDTH - RIGHT, HEIGHT - 5, chart.x, "end")


def _places_of_ticks(chart: Chart, across: Scale) -> list[float]:
    """Round numbers; where each point is a setting that was tried, those settings, if they have room."""
    most = (WIDTH - LEFT - RIGHT) // WIDEST_TICK
    tried = sorted({x for line in chart.lines for x, _ in line.points})
    return tried if _has_dots(chart) and len(tried) <= most else across.ticks(most)


def _floors(chart: Chart, up: Scale) -> dict[float, str]:
    """How high the floors within the plot lie, with their names; those that lie at one height share a line."""
    found: dict[float, str] = {}
    for name, value in chart.floors:
        share = up.share(value)
        if share is not None and 0 <= share <= 1:
            y = round(_y(up, value) or 0.0)
            same = next((other for other in found if abs(other - y) < NOTE), y)
            found[same] = f"{found[same]}, {name} {tick(value)}" if same in found else f"{name} {tick(value)}"
    return found


def _marks(chart: Chart, across: Scale) -> dict[float, str]:
    """Where the marks within the plot stand, with their names."""
    shares = [(across.share(value), value, name) for value, name in chart.marks]
    return {_x(across, value) or 0.0: name for share, value, name in shares if share is not None and 0 <= share <= 1}


def _beside(x: float, name: str) -> str:
    """The name of a mark, on that side of it which has more room."""
    anchor, away = ("end", -4) if x > WIDTH * 0.6 else ("start", 4)
    return _text(x + away, TOP + 8, name, anchor, "note")


def _curve(line: Line, classes: str, across: Scale, up: Scale) -> Iterator[str]:
    yield from _spread(line, classes, across, up)
    places = [(_x(across, x), _y(up, y)) for x, y in line.points]
    whole: list[list[str]] = []
    for has_place, together in groupby(places, key=lambda place: None not in place):
        if has_place:
            whole.append([f"{x:.1f} {y:.1f}" for x, y in together])
    path = "".join(f"M{'L'.join(run)}" for run in whole if len(run) > 1)
    if path:
        yield f'<path class="line {classes}" d="{path}"><title>{escape(line.name)}</title></path>'
    alone = [run[0] for run in whole if len(run) == 1]
    for place in [place for run in whole for place in run] if line.has_dots else alone:
        x, y = place.split()
        yield f'<circle class="dot {classes}" cx="{x}" cy="{y}" r="3"/>'


def _spread(line: Line, classes: str, across: Scale, up: Scale) -> Iterator[str]:
    """What lies between the ends of the band: an area, along its low end and back along its high one; for points that
    stand alone a stroke each."""
    ends = [(x, low) for x, low, _ in line.band], [(x, high) for x, _, high in line.band]
    low, high = (_places(points, across, up) for points in ends)
    if line.has_dots:
        yield from (f'<path class="line {classes}" d="M{a}L{b}"/>' for a, b in zip(low, high, strict=False))
    elif low:
        yield f'<path class="band {classes}" d="M{"L".join([*low, *reversed(high)])}Z"/>'


def _places(points: Sequence[tuple[float, float]], across: Scale, up: Scale) -> list[str]:
    found = [(_x(across, x), _y(up, y)) for x, y in points]
    return [f"{x:.1f} {y:.1f}" for x, y in found if x is not None and y is not None]


def _text(x: float, y: float, text: str, anchor: str, kind: str = "tick") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
