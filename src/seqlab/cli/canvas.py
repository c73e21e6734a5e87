"""Curves in a terminal: a canvas of braille dots with axes and a legend. Pure functions, no colours of their own."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

__all__ = ["Frame", "canvas", "frame_of"]

Points = Sequence[tuple[float, float]]
BRAILLE = 0x2800
DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bit of a dot by row and column of its cell: a cell has 2 x 4."""
MARKS = "ox+*#@%&"
"""What stands at a curve's measurements, so that curves can be told apart without colours."""
LABEL = 10


@dataclass(frozen=True)
class Frame:
    """The window of the values that is drawn."""

    left: float
    right: float
    bottom: float
    top: float
    log_x: bool = False
    log_y: bool = False

    def place(self, x: float, y: float, columns: int, rows: int) -> tuple[int, int] | None:
        """The dot of a value, counted from the upper left; None outside the window."""
        across = _share(x, self.left, self.right, self.log_x)
        up = _share(y, self.bottom, self.top, self.log_y)
        if across is None or up is None:
            return None
        return round(across * (columns - 1)), round((1 - up) * (rows - 1))


def frame_of(curves: Sequence[Points], *, log_x: bool = False, log_y: bool = False) -> Frame:
    """The window that holds all finite points."""
    points = [(x, y) for curve in curves for x, y in curve if _is_drawn(x, log_x) and _is_drawn(y, log_y)]
    xs, ys = [x for x, _ in points] or [1.0], [y for _, y in points] or [1.0]
    bottom, top = min(ys), max(ys)
    if bottom == top:
        bottom, top = (bottom - 1, top + 1) if not log_y else (bottom / 2, top * 2)
    left, right = min(xs), max(xs)
    return Frame(left, right if right > left else left + 1, bottom, top, log_x, log_y)


def canvas(
    curves: Mapping[str, Points], frame: Frame, width: int, height: int, lines: Mapping[str, float] | None = None,
    style: Callable[[int, str], str] = lambda index, text: text,
) -> list[str]:  # fmt: skip
    """Lines of text: the curves in a frame `width` columns wide with axes and a legend.

    lines: horizontal dotted lines (floors) by name. style: colours the part that belongs to the curve of an index.
    """
    inner = max(10, width - LABEL - 2)
    cells: list[list[tuple[str, int | None]]] = [[(" ", None)] * inner for _ in range(height)]
    shown = {name: value for name, value in (lines or {}).items() if frame.place(frame.left, value, 2, 2) is not None}
    for value in shown.values():
        _dotted(cells, frame, value)
    for index, points in enumerate(curves.values()):
        _draw(cells, frame, points, index)
    text = [
        f"{_tick(frame, row, height):>{LABEL}} ┤{''.join(_painted(cell, style) for cell in cells[row])}"
        for row in range(height)
    ]
    text.append(f"{'':>{LABEL}} └{'─' * inner}")
    left, right = _figure(frame.left), _figure(frame.right)
    text.append(f"{'':>{LABEL}}  {left}{right:>{max(1, inner - len(left))}}")
    legend = [style(index, f"{MARKS[index % len(MARKS)]} {name}") for index, name in enumerate(curves)]
    legend += [f"┄ {name} {_figure(value)}" for name, value in shown.items()]
    return [*text, f"{'':>{LABEL}}  {'   '.join(legend)}"]


def _share(value: float, low: float, high: float, is_log: bool) -> float | None:
    if not _is_drawn(value, is_log) or not low <= value <= high:
        return None
    if is_log:
        value, low, high = math.log(value), math.log(low), math.log(high)
    return (value - low) / (high - low) if high > low else 0.0


def _is_drawn(value: float, is_log: bool) -> bool:
    return math.isfinite(value) and (value > 0 or not is_log)


def _draw(cells: list[list[tuple[str, int | None]]], frame: Frame, points: Points, index: int) -> None:
    """Lines between measurements that follow each other, dot by dot, and a mark at some of the measurements."""
    columns, rows = 2 * len(cells[0]), 4 * len(cells)
    places = [frame.place(x, y, columns, rows) for x, y in points]
    for a, b in pairwise(places):
        if a is not None and b is not None:
            for column, row in _between(a, b):
                _dot(cells, column, row, index)
    drawn = [place for place in places if place is not None]
    for column, row in drawn[:: max(1, len(drawn) // 8)]:
        cells[row // 4][column // 2] = (MARKS[index % len(MARKS)], index)


def _between(a: tuple[int, int], b: tuple[int, int]) -> list[tuple[int, int]]:
    steps = max(abs(b[0] - a[0]), abs(b[1] - a[1]), 1)
    return [
        (round(a[0] + (b[0] - a[0]) * i / steps), round(a[1] + (b[1] - a[1]) * i / steps)) for i in range(steps + 1)
    ]


def _dot(cells: list[list[tuple[str, int | None]]], column: int, row: int, index: int) -> None:
    there, owner = cells[row // 4][column // 2]
    if there in MARKS:
        return
    bits = ord(there) - BRAILLE if ord(there) >= BRAILLE and owner == index else 0
    cells[row // 4][column // 2] = (chr(BRAILLE + (bits | DOTS[row % 4][column % 2])), index)


def _dotted(cells: list[list[tuple[str, int | None]]], frame: Frame, value: float) -> None:
    place = frame.place(frame.left, value, 2, 4 * len(cells))
    if place is not None:
        row = place[1] // 4
        cells[row] = [("┄", None) if column % 2 == 0 else cell for column, cell in enumerate(cells[row])]


def _painted(cell: tuple[str, int | None], style: Callable[[int, str], str]) -> str:
    text, index = cell
    return text if index is None else style(index, text)


def _tick(frame: Frame, row: int, height: int) -> str:
    """The value at a row, at the ends and at quarters."""
    if row not in {round(share * (height - 1)) for share in (0, 0.25, 0.5, 0.75, 1)}:
        return ""
    share = 1 - row / (height - 1)
    if frame.log_y:
        return _figure(math.exp(math.log(frame.bottom) + share * (math.log(frame.top) - math.log(frame.bottom))))
    return _figure(frame.bottom + share * (frame.top - frame.bottom))


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 or (value == int(value) and abs(value) >= 10) else f"{value:.4g}"
