"""Pathfinder's images: what the procedure promises, and a solver that knows nothing of how they were drawn."""

from __future__ import annotations

import math
from functools import partial, reduce
from itertools import combinations
from operator import or_

import numpy as np
import pytest

from seqlab.data.coverage import dash, disc
from seqlab.data.paddles import Paddle, Paddles
from seqlab.data.pathfinder import SETTINGS, Scene, draw, rendered, scene
from seqlab.data.streams import numpy_stream

ROUNDING = 2.6
"""Pixels by which rounding can widen a gap: half a diagonal at the pivot, and once more at the end."""


def scenes(size: int, count: int, contour: int = 14) -> list[tuple[Scene, int]]:
    random = numpy_stream(0, "scenes", size)
    return [(scene(random, SETTINGS[size], place % 2, contour), place % 2) for place in range(count)]


def ends(contour: list[Paddle], length: int) -> np.ndarray:
    """Tail and head of each paddle: (N, 2, 2). The first is drawn from its tail, the others from their heads."""
    anchors = np.array([paddle.anchor for paddle in contour], float)
    along = length * np.array([[math.sin(paddle.angle), math.cos(paddle.angle)] for paddle in contour])
    tails, heads = anchors - along, anchors.copy()
    tails[0], heads[0] = anchors[0], anchors[0] + along[0]
    return np.stack([tails, heads], 1)


def are_connected(dashes: np.ndarray, marked: np.ndarray, widest: float) -> bool:
    """Whether the dashes (N, 2, 2) at two points belong to one line, when free ends are joined, the best first: those
    that are near and lie in each other's direction, a radian as bad as a pixel."""
    points, owners = dashes.reshape(-1, 2), np.arange(2 * len(dashes)) // 2
    outwards = (dashes - dashes[:, ::-1]).reshape(-1, 2)
    outwards /= np.linalg.norm(outwards, axis=1, keepdims=True)
    steps = points[None] - points[:, None]
    gaps = np.linalg.norm(steps, axis=-1)
    bends = np.arccos(np.clip(np.einsum("ijc,ic->ij", steps, outwards) / np.maximum(gaps, 1e-9), -1, 1))
    lines, free = np.arange(len(dashes)), np.ones(len(points), bool)
    for place in np.argsort(gaps + bends + bends.T, axis=None):
        one, other = divmod(int(place), len(points))
        a, b = lines[owners[one]], lines[owners[other]]
        if gaps[one, other] <= widest and free[one] and free[other] and a != b:
            free[[one, other]] = False
            lines[lines == a] = b
    first, second = (lines[owners[np.linalg.norm(points - point, axis=1).argmin()]] for point in marked)
    return bool(first == second)


def solved(size: int, count: int) -> float:
    """The share that the solver gets right: all dashes of an image in any order, and the two marked points."""
    random, right = np.random.default_rng(0), 0
    for found, label in scenes(size, count):
        distractors = [found.distractors[place : place + 4] for place in range(0, len(found.distractors), 4)]
        contours = (*found.contours, *distractors)
        dashes = random.permutation(np.concatenate([ends(contour, SETTINGS[size].length) for contour in contours]))
        turned = random.random(len(dashes)) < 0.5
        dashes[turned] = dashes[turned][:, ::-1]
        right += are_connected(dashes, np.array(found.marked), 2 * found.paddles.margin + ROUNDING) == label
    return right / count


def test_the_solver_agrees_with_every_label_of_path_x() -> None:
    assert solved(128, 6) == 1.0


def test_at_32_pixels_gaps_are_as_wide_as_what_separates_and_the_solver_is_right_far_above_chance() -> None:
    assert solved(32, 100) > 0.5 + 4 * math.sqrt(0.25 / 100)


@pytest.mark.parametrize(("size", "length", "tried"), [(32, 14, 5), (128, 14, 8), (32, 6, 10)])
def test_contours_are_whole_apart_and_marked_by_the_label(size: int, length: int, tried: int) -> None:
    distractor = length // 3
    for found, label in scenes(size, 6, length):
        assert [len(contour) for contour in found.contours] == [length, length]
        assert len(found.distractors) in range(0, distractor * tried + 1, distractor)
        rooms = [reduce(or_, (paddle.solid for paddle in contour)) for contour in found.contours]
        rooms += [paddle.solid for paddle in found.distractors[::distractor]]
        assert not any(one & other for one, other in combinations(rooms, 2))
        begins, finishes = ({contour[place].anchor for contour in found.contours} for place in (0, -1))
        assert found.marked[0] in begins
        assert found.marked[1] in finishes
        pair = (found.marked[0], found.marked[1])
        assert (pair in [(contour[0].anchor, contour[-1].anchor) for contour in found.contours]) == label


@pytest.mark.parametrize("size", [32, 128])
def test_gaps_are_those_of_the_setting(size: int) -> None:
    for found, _ in scenes(size, 6):
        assert found.paddles.margin in SETTINGS[size].margins
        for contour in found.contours:
            dashes = ends(contour, SETTINGS[size].length)
            gaps = np.linalg.norm(dashes[1:, 0] - dashes[:-1, 1], axis=-1)
            assert np.abs(gaps - 2 * found.paddles.margin).max() < ROUNDING + 0.5


def test_turning_is_weighted_as_published() -> None:
    paddles = Paddles(32, 2, 0.5, 1, 1.0)
    last = paddles.at((16, 16), 0.0)
    assert last is not None
    random = numpy_stream(0, "turns")
    drawn = [paddles.after(random, last, paddles.outside, paddles.outside) for _ in range(4000)]
    ways, counts = np.unique([(*paddle.anchor, paddle.angle) for paddle in drawn if paddle], axis=0, return_counts=True)
    weights = np.cos(ways[:, 2]) ** 2
    assert np.abs(counts / 4000 - weights / weights.sum()).max() < 0.03


def test_a_contour_ends_where_everything_is_taken() -> None:
    paddles = Paddles(32, 2, 0.5, 1, 1.0)
    last = paddles.at((16, 16), 0.0)
    assert last is not None
    assert paddles.after(numpy_stream(0, "turns"), last, paddles.everything, paddles.everything) is None
    assert paddles.anywhere(numpy_stream(0, "turns"), partial(paddles.free, paddles.everything)) is None
    assert paddles.at((0, 31), 0.0) is None


@pytest.mark.parametrize("size", [32, 128])
def test_an_image_is_bytes_with_markers_where_they_belong_and_a_function_of_its_stream(size: int) -> None:
    found = scene(numpy_stream(3, "one"), SETTINGS[size], 1)
    image = rendered(found, SETTINGS[size])
    assert (image.shape, image.dtype, image.max(), image[0].max() < 255) == ((size, size), np.uint8, 255, True)
    for row, column in found.marked:
        around = image[row - 1 : row + 2, column - 1 : column + 2]
        assert around.min() > 100
    np.testing.assert_array_equal(image, draw(numpy_stream(3, "one"), SETTINGS[size], 1))
    assert not np.array_equal(image, draw(numpy_stream(4, "one"), SETTINGS[size], 1))


def test_a_dash_covers_its_area() -> None:
    for angle in (0.0, 0.4, 2.0, -1.2):
        ink, room = dash(5, 1.5, angle, 2, 9)
        assert ink.sum() == pytest.approx(5 * 1.5, rel=0.03)
        assert room.sum() == pytest.approx(5 * 1.5 + 2 * 2 * (5 + 1.5) + math.pi * 4, rel=0.03)
    assert disc(3.0).sum() == pytest.approx(math.pi * 9, rel=0.03)
