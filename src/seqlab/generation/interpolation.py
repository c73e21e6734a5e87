"""Between two images and beyond them: what an auto-encoder makes of each step on the way, laid out as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

__all__ = ["FRACTIONS", "Interpolation", "between", "drawn", "interpolate", "side_by_side"]

FRACTIONS = tuple(tenth / 10 for tenth in range(-5, 15))
"""The steps: 0 is the first image, 1 the second; both sides go on beyond (randomekek/sequence, August 2023)."""
GAP = 2
"""Pixels of white between two images."""
WIDTH = 56
"""Pixels that an image is wide at least: smaller ones are enlarged by a whole number."""


@dataclass(frozen=True)
class Interpolation:
    """The steps between two images as they were shown and as they were drawn, both (20, channels, height, width)."""

    shown: Tensor
    drawn: Tensor

    def errors(self) -> list[float]:
        """The mean squared error of each step."""
        found: list[float] = (self.drawn - self.shown).double().square().flatten(1).mean(1).tolist()
        return found


def between(first: Tensor, second: Tensor, fractions: Sequence[float] = FRACTIONS) -> Tensor:
    """first + (second - first) c for each fraction c: (...) -> (fractions, ...)."""
    steps = torch.tensor(fractions, dtype=first.dtype).view(-1, *[1] * first.ndim)
    return first + (second - first) * steps


def interpolate(model: nn.Module, first: Tensor, second: Tensor) -> Interpolation:
    """What an auto-encoder draws of the steps from one image (channels, height, width) to another."""
    shown = between(first, second)
    return Interpolation(shown, drawn(model, shown))


def drawn(model: nn.Module, images: Tensor) -> Tensor:
    """What an auto-encoder makes of images (N, channels, height, width)."""
    with torch.no_grad():
        made: Tensor = model(images)
    return made.float().sigmoid()


def side_by_side(columns: Sequence[Tensor]) -> NDArray[np.uint8]:
    """Columns of images (N, channels, height, width), numbers of 0 to 1, as one picture (H, W) of grey, or (H, W, 3) of
    colour, white between them; what lies outside 0 to 1 is cut. A pixel of an image narrower than 56 is a square."""
    scale = -(-WIDTH // columns[0].shape[-1])
    pixels = [_enlarged(column.clamp(0, 1) * 255, scale).round().byte().numpy() for column in columns]
    rows, channels, height, width = pixels[0].shape
    picture = np.full((channels, rows * (height + GAP) - GAP, len(pixels) * (width + GAP) - GAP), 255, np.uint8)
    for at, column in enumerate(pixels):
        for row, image in enumerate(column):
            top, left = row * (height + GAP), at * (width + GAP)
            picture[:, top : top + height, left : left + width] = image
    return picture[0] if channels == 1 else picture.transpose(1, 2, 0)


def _enlarged(images: Tensor, scale: int) -> Tensor:
    return images.repeat_interleave(scale, dim=-2).repeat_interleave(scale, dim=-1)
