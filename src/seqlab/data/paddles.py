"""Paddles, the dashes that contours are made of: what each inks, the room it takes, and where the next one may stand.

A set of pixels is one integer, a bit for each pixel of the image and of a frame around it, so that two sets are
compared, joined and moved as wholes. Angles are in radians, from the columns' direction downwards.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from seqlab.data.coverage import Coverage, dash

__all__ = ["Paddle", "Paddles", "Places", "Point"]

Point = tuple[int, int]
"""A pixel: row and column."""
Places = NDArray[np.int64]

TAKEN, SOLID = 0.3, 0.9
"""Coverage above which a pixel's room is taken, and above which nothing else may cover it (of the original)."""
TRIALS = 3
"""Places that are tried for a paddle before it is given up (the original's max_paddle_retrial, and the first)."""


@dataclass(frozen=True)
class Shape:
    """A paddle at an angle, around the pixel it is drawn from: its ink, and the room it takes with its margin, as bits
    from the upper left corner on."""

    ink: Coverage
    taken: int
    solid: int


@dataclass(frozen=True)
class Paddle:
    """A paddle on an image, drawn from `anchor`. Its contour grows towards `angle`; `pivot` lies a margin behind it."""

    anchor: Point
    angle: float
    pivot: Point
    shape: Shape
    taken: int
    solid: int


@dataclass(frozen=True)
class _Turn:
    """A way on from a pivot: where the next paddle ends, seen from there; with what weight; and the room that must be
    free around that end, as bits from the upper left corner of what a paddle can reach."""

    down: int
    right: int
    angle: float
    weight: float
    room: int


class Paddles:
    """Paddles of one length, thickness and margin in pixels on a square image of `size` pixels a side.

    A contour turns by an angle d with a weight of cos(min(continuity d, pi / 2))^2. All of it is
    drewlinsley/pathfinder, snakes.py; coverage is measured where the original enlarges, draws and shrinks.
    """

    def __init__(self, size: int, length: int, thickness: float, margin: int, continuity: float) -> None:
        self.size, self.length, self.thickness, self.margin = size, length, thickness, margin
        self.continuity = continuity
        self.reach = length + margin + max(margin, math.ceil(thickness))
        self.width = size + 2 * self.reach
        self.everything = (1 << self.width**2) - 1
        self.outside = self.everything ^ self.square(1)
        self._steps = _circle(length + margin)
        self._shapes: dict[float, Shape] = {}
        self._window = (1 << self.width * (2 * self.reach + 1)) - 1
        self._turns: dict[float, list[_Turn]] = {}

    def place(self, point: Point) -> int:
        """The bit of a pixel."""
        return (point[0] + self.reach) * self.width + point[1] + self.reach

    def square(self, border: int) -> int:
        """All pixels that are at least `border` pixels away from each side."""
        row = ((1 << (self.size - 2 * border)) - 1) << (border + self.reach)
        return sum(row << (self.width * (y + self.reach)) for y in range(border, self.size - border))

    def contains(self, point: Point) -> bool:
        """Whether a pixel is one of the image."""
        return 0 <= point[0] < self.size and 0 <= point[1] < self.size

    def anywhere(self, random: np.random.Generator, free: Callable[[float], Places]) -> Paddle | None:
        """A paddle at any angle and at any of the places that are free at that angle; none where a few angles find
        none."""
        for _ in range(TRIALS):
            places = free(angle := _any_angle(random))
            if not len(places):
                return None
            row, column = divmod(int(places[random.integers(len(places))]), self.width)
            if found := self.at((row - self.reach, column - self.reach), angle):
                return found
        return None

    def near(self, random: np.random.Generator, point: Point, distance: int) -> Paddle | None:
        """A paddle at any angle that begins at that distance from a pixel; none where a few of them leave the image."""
        for _ in range(TRIALS):
            angle, around = _any_angle(random), _any_angle(random)
            tail = point[0] + round(distance * math.sin(around)), point[1] + round(distance * math.cos(around))
            if found := self.at(tail, angle):
                return found
        return None

    def at(self, tail: Point, angle: float) -> Paddle | None:
        """The paddle that begins a contour at `tail`; none where it would leave the image."""
        head = _moved(tail, angle, self.length)
        pivot = _moved(head, angle + math.pi, self.length + self.margin)
        inside = self.contains(tail) and self.contains(head) and self.contains(pivot)
        return self._put(tail, angle, pivot, self.shape(angle)) if inside else None

    def after(self, random: np.random.Generator, last: Paddle, taken: int, solid: int) -> Paddle | None:
        """The paddle that continues a contour, its end more than a margin from what is taken; none at a dead end."""
        y, x = pivot = _moved(last.pivot, last.angle, self.length + 2 * self.margin)
        if not self.contains(pivot):
            return None
        near = (taken >> self._corner(pivot)) & self._window
        turns = [turn for turn in self._turning(last.angle) if not near & turn.room]
        sums = list(accumulate(turn.weight for turn in turns))
        if not sums or sums[-1] < 1e-4:
            return None
        for _ in range(TRIALS):
            turn = turns[bisect_right(sums, random.random() * sums[-1], hi=len(sums) - 1)]
            paddle = self._put((y + turn.down, x + turn.right), turn.angle, pivot, self.shape(turn.angle + math.pi))
            if not paddle.solid & solid:
                return paddle
        return None

    def free(self, taken: int, angle: float) -> Places:
        """The places (N,) from which a paddle at this angle covers nothing that is taken."""
        hit = taken = taken | self.outside
        centre, solid = (self.width + 1) * self.reach, self.shape(angle).solid
        while solid:
            lowest = solid & -solid
            offset = lowest.bit_length() - 1 - centre
            hit |= taken >> offset if offset >= 0 else taken << -offset
            solid ^= lowest
        octets = (self.everything & ~hit).to_bytes(self.width**2 // 8 + 1, "little")
        return np.flatnonzero(np.unpackbits(np.frombuffer(octets, np.uint8), bitorder="little"))

    def shape(self, angle: float) -> Shape:
        """The paddle that leads from its anchor towards `angle`."""
        if angle not in self._shapes:
            ink, room = dash(self.length, self.thickness, angle, self.margin, self.reach)
            self._shapes[angle] = Shape(ink, self._bits(room > TAKEN), self._bits(room > SOLID))
        return self._shapes[angle]

    def _put(self, anchor: Point, angle: float, pivot: Point, shape: Shape) -> Paddle:
        corner = self._corner(anchor)
        return Paddle(anchor, angle, pivot, shape, shape.taken << corner, shape.solid << corner)

    def _corner(self, point: Point) -> int:
        """The upper left corner of what a paddle can reach from a pixel."""
        return self.place((point[0] - self.reach, point[1] - self.reach))

    def _turning(self, angle: float) -> list[_Turn]:
        """The ways on from a paddle at this angle, those without weight left out."""
        if angle not in self._turns:
            turns = []
            for down, right in self._steps:
                direction = math.atan2(down, right)
                turn = abs(math.remainder(direction - angle, 2 * math.pi))
                weight = math.cos(min(self.continuity * turn, math.pi / 2)) ** 2
                centre = self.reach + down, self.reach + right
                room = sum(1 << (self.width * (centre[0] + y) + centre[1] + x) for y, x in _within(self.margin))
                if weight > 1e-9:
                    turns.append(_Turn(down, right, direction, weight, room))
            self._turns[angle] = turns
        return self._turns[angle]

    def _bits(self, pixels: NDArray[np.bool_]) -> int:
        return sum(1 << (self.width * y + x) for y, x in np.argwhere(pixels).tolist())


def _any_angle(random: np.random.Generator) -> float:
    """A whole number of degrees, in radians."""
    return math.radians(int(random.integers(-180, 180)))


def _moved(point: Point, angle: float, distance: int) -> Point:
    """Rounded up, as in the original; what is only a rounding error above a whole number is that number."""
    down, right = distance * math.sin(angle), distance * math.cos(angle)
    return point[0] + math.ceil(round(down, 9)), point[1] + math.ceil(round(right, 9))


def _circle(radius: int) -> list[Point]:
    """The pixels on a circle around a pixel, from it: rows down, columns to the right."""
    around = np.arange(0, 2 * np.pi, 1 / radius)
    points = np.unique(np.floor(radius * np.stack([np.sin(around), np.cos(around)], 1)), axis=0)
    return [(int(down), int(right)) for down, right in points]


def _within(radius: int) -> list[Point]:
    """The pixels of a disc, from its middle."""
    side = range(-radius, radius + 1)
    return [(y, x) for y in side for x in side if y * y + x * x <= radius * radius]
