"""How the result of a sweep depends on one knob, as a drawing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from markupsafe import Markup

from seqlab.sweeps.select.knobs import is_number
from seqlab.sweeps.sensitivity import Point, Response, is_logarithmic
from seqlab.web.svg import svg, text
from seqlab.web.words import setting
from seqlab.wording import figure

__all__ = ["response_curve"]

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 420, 200, 62, 20, 12, 36


@dataclass(frozen=True)
class Frame:
    """Where a value of the knob and a result stand."""

    values: Sequence[Any]
    low: float
    top: float

    def x(self, value: Any) -> float:
        """Numbers stand by their size, by equal ratios where they span a factor of ten; other settings in order."""
        return LEFT + 14 + _shares(self.values)[self.values.index(value)] * (WIDTH - LEFT - RIGHT - 20)

    def y(self, mean: float) -> float:
        """The larger, the higher."""
        return TOP + (self.top - mean) / ((self.top - self.low) or 1.0) * (HEIGHT - TOP - BOTTOM - 10)


def response_curve(one: Response) -> Markup:
    """Means with their intervals: with the winner's other settings, and with the best ones at each value."""
    points = [*one.at_winner, *one.at_best]
    ends = [end for point in points for end in (point.mean, point.low, point.high) if end is not None]
    frame = Frame(list(dict.fromkeys(point.value for point in one.at_best)), min(ends), max(ends))
    parts = list(_axes(frame, one.knob))
    if one.at_best != one.at_winner:
        parts += _course(one.at_best, frame, "second")
    parts += _course(one.at_winner, frame, "first")
    return svg("response", WIDTH, HEIGHT, f"how the result depends on {one.knob}", parts)


def _axes(frame: Frame, knob: str) -> Iterator[str]:
    floor = HEIGHT - BOTTOM
    yield f'<path class="axis" d="M{LEFT} 6V{floor}H{WIDTH - 6}"/>'
    for value in (frame.top, frame.low):
        yield text(LEFT - 6, frame.y(value) + 4, figure(value), "end")
    for value in frame.values:
        yield text(frame.x(value), floor + 14, setting(value), "middle")
    yield text((LEFT + WIDTH) / 2, HEIGHT - 5, knob, "middle", "name")


def _course(points: Sequence[Point], frame: Frame, kind: str) -> Iterator[str]:
    ends = [(frame.x(point.value), frame.y(point.mean)) for point in points]
    yield f'<polyline class="{kind}" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in ends)}"/>'
    for point, (x, y) in zip(points, ends, strict=True):
        if point.low is not None and point.high is not None:
            yield f'<path class="{kind}" d="M{x:.1f} {frame.y(point.low):.1f}V{frame.y(point.high):.1f}"/>'
        told = escape(f"{setting(point.value)}: {point.mean:.5g}, {point.seeds} seeds")
        yield f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="3"><title>{told}</title></circle>'


def _shares(values: Sequence[Any]) -> list[float]:
    """Where the values of a knob stand, from 0 to 1."""
    numbers = [float(value) for value in values if is_number(value)]
    if len(numbers) < len(values) or len(set(numbers)) < 2:
        return [index / max(len(values) - 1, 1) for index in range(len(values))]
    scaled = [math.log(value) for value in numbers] if is_logarithmic(numbers) else numbers
    return [(value - min(scaled)) / (max(scaled) - min(scaled)) for value in scaled]
