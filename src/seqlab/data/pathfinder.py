"""Pathfinder: are two marked points the ends of one dashed contour, or do they belong to two?

The images are drawn by the procedure of drewlinsley/pathfinder (snakes2.py), with the settings of
google-research/long-range-arena (lra_benchmarks/data/pathfinder.py). Its levels differ in how many paddles a contour
has that may be marked: 6, 9, or 14, the hard one. Both contours grow together, a paddle at a time; short contours
distract. One thing is mended: in the original a contour may run into the newest paddle of the other one, so that no one
could tell them apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from seqlab.data.coverage import Coverage, disc
from seqlab.data.paddles import Paddle, Paddles, Places, Point

__all__ = ["SETTINGS", "Scene", "Setting", "draw", "rendered", "scene"]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """How images of one size are drawn: pixels, numbers of paddles, and brightness."""

    size: int
    length: int
    thickness: float
    margins: tuple[int, ...]
    """Half of the gap between the paddles of a contour; one is drawn for each image."""
    radius: float
    """Of the markers, whose brightness is 1."""
    seed_distance: int
    """From where one contour begins to where the other one does; the first keeps twice that from the sides."""
    continuity: float
    distracting: int
    """Paddles of all distracting contours that are tried; each has a third of those of a contour that may be marked."""
    contour_ink: float
    distractor_ink: float


SETTINGS = {
    32: Setting(
        size=32, length=2, thickness=0.5, margins=(1,), radius=1.5, seed_distance=7, continuity=1.0, distracting=20,
        contour_ink=1.5, distractor_ink=2.0,
    ),
    128: Setting(
        size=128, length=5, thickness=1.5, margins=(2, 3), radius=3.0, seed_distance=20, continuity=1.8, distracting=35,
        contour_ink=0.9, distractor_ink=0.9,
    ),
}  # fmt: skip
"""By the side of an image in pixels: Pathfinder, and Path-X."""

DISTRACTOR_TRIALS = 5
"""How often a distracting contour is begun before it is left out."""


@dataclass(frozen=True)
class Scene:
    """What an image shows: two contours of paddles, all that distracts, and the two points that are marked."""

    paddles: Paddles
    contours: tuple[list[Paddle], list[Paddle]]
    distractors: list[Paddle]
    marked: tuple[Point, Point]


def draw(random: np.random.Generator, setting: Setting, label: int, contour: int = 14) -> NDArray[np.uint8]:
    """An image (S, S): label 1 marks the ends of one contour, 0 the beginning of one and the end of the other."""
    return rendered(scene(random, setting, label, contour), setting)


def scene(random: np.random.Generator, setting: Setting, label: int, contour: int = 14) -> Scene:
    """What an image shows, with `contour` paddles of a contour that may be marked."""
    paddles = _paddles(setting, setting.margins[int(random.integers(len(setting.margins)))])
    while (contours := _two_contours(random, paddles, setting.seed_distance, contour)) is None:
        pass
    tried = -(-3 * setting.distracting // contour)
    distractors = _distractors(random, paddles, [*contours[0], *contours[1]], tried, contour // 3)
    begins = int(random.integers(2))
    ends = begins if label else 1 - begins
    return Scene(paddles, contours, distractors, (contours[begins][0].anchor, contours[ends][-1].anchor))


@cache
def _paddles(setting: Setting, margin: int) -> Paddles:
    return Paddles(setting.size, setting.length, setting.thickness, margin, setting.continuity)


def _two_contours(
    random: np.random.Generator, paddles: Paddles, distance: int, length: int
) -> tuple[list[Paddle], list[Paddle]] | None:
    """Two contours that grow together; none where one of them comes to a dead end."""
    first = paddles.anywhere(random, partial(_central, paddles, 2 * distance))
    second = paddles.near(random, first.anchor, distance) if first else None
    if not first or not second or first.taken & second.taken:
        return None
    contours = [first], [second]
    taken = solid = paddles.outside
    for _ in range(length - 1):
        for contour, other in (contours, contours[::-1]):
            last, beside = contour[-1], other[-1]
            following = paddles.after(random, last, taken | beside.taken, solid | beside.solid)
            if following is None:
                return None
            taken, solid = _with([last], taken, solid)
            contour.append(following)
    return contours


@cache
def _central(paddles: Paddles, distance: int, angle: float) -> Places:
    """Where a paddle at this angle keeps that distance from all sides."""
    return paddles.free(paddles.everything ^ paddles.square(distance), angle)


def _distractors(
    random: np.random.Generator, paddles: Paddles, contours: list[Paddle], count: int, length: int
) -> list[Paddle]:
    """Distracting contours of `length` paddles, those that there is room for."""
    taken, solid = _with(contours, paddles.outside, paddles.outside)
    found: list[Paddle] = []
    for _ in range(count):
        grown = (_grown(random, paddles, taken, solid, length) for _ in range(DISTRACTOR_TRIALS))
        contour = next((each for each in grown if each), [])
        taken, solid = _with(contour, taken, solid)
        found += contour
    return found


def _grown(random: np.random.Generator, paddles: Paddles, taken: int, solid: int, length: int) -> list[Paddle]:
    """One contour apart from what is taken; empty at a dead end."""
    contour: list[Paddle] = []
    following = paddles.anywhere(random, partial(paddles.free, taken))
    while following:
        contour.append(following)
        if len(contour) == length:
            return contour
        following = paddles.after(random, contour[-1], taken, solid)
        taken, solid = _with(contour[-1:], taken, solid)
    return []


def _with(added: list[Paddle], taken: int, solid: int) -> tuple[int, int]:
    """What is taken and what is solid when these paddles are there too."""
    for paddle in added:
        taken, solid = taken | paddle.taken, solid | paddle.solid
    return taken, solid


def rendered(scene: Scene, setting: Setting) -> NDArray[np.uint8]:
    """The brightest ink at each pixel (S, S), in bytes: the brightest of the image is 255."""
    reach = scene.paddles.reach
    canvas = np.zeros((scene.paddles.width, scene.paddles.width), np.float32)
    lots = [(contour, setting.contour_ink) for contour in scene.contours]
    for lot, brightness in (*lots, (scene.distractors, setting.distractor_ink)):
        for paddle in lot:
            _stamp(canvas, paddle.anchor, reach, brightness * paddle.shape.ink)
    for point in scene.marked:
        _stamp(canvas, point, reach, disc(setting.radius))
    image = canvas[reach:-reach, reach:-reach]
    scaled: NDArray[np.uint8] = np.floor(image / image.max() * 255 + 0.5).astype(np.uint8)
    return scaled


def _stamp(canvas: NDArray[np.float32], point: Point, reach: int, ink: Coverage) -> None:
    y, x = (place + reach - len(ink) // 2 for place in point)
    part = canvas[y : y + len(ink), x : x + len(ink)]
    np.maximum(part, ink, out=part)
