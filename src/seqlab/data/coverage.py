"""How much of each pixel a shape covers: measured on sub-pixels, so that edges are smooth."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["Coverage", "dash", "disc"]

Coverage = NDArray[np.float32]
"""From 0 to 1, (S, S) around the pixel that the shape is placed by."""

FINENESS = 8
"""Sub-pixels along a pixel's side."""


def disc(radius: float) -> Coverage:
    """A filled circle around the middle of the middle pixel."""
    down, right = _sub_pixels(math.ceil(radius))
    return _shares(np.hypot(down, right) <= radius)


def dash(length: float, thickness: float, angle: float, margin: float, reach: int) -> tuple[Coverage, Coverage]:
    """A line with square ends from the middle of the middle pixel towards `angle`, and all within a margin of it.

    Pixels, and radians from the columns' direction downwards; S is 2 reach + 1.
    """
    down, right = _sub_pixels(reach)
    along = right * math.cos(angle) + down * math.sin(angle)
    beside = np.abs(down * math.cos(angle) - right * math.sin(angle)) - thickness / 2
    beyond = np.maximum(-along, along - length)
    distance = np.hypot(np.maximum(beside, 0), np.maximum(beyond, 0))
    return _shares(distance == 0), _shares(distance <= margin)


def _sub_pixels(reach: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How far below and to the right of the middle pixel's middle each sub-pixel lies, (S, 1) and (1, S) finer."""
    places = (np.arange((2 * reach + 1) * FINENESS) + 0.5) / FINENESS - reach - 0.5
    return places[:, None], places[None, :]


def _shares(covered: NDArray[np.bool_]) -> Coverage:
    """The share of each pixel's sub-pixels that is covered."""
    side = len(covered) // FINENESS
    pixels = covered.reshape(side, FINENESS, side, FINENESS)
    shares: Coverage = pixels.mean((1, 3), dtype=np.float32)
    return shares
