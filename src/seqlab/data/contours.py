"""Made images of Pathfinder as three splits, kept in the cache block by block."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from seqlab.data import pathfinder, progress
from seqlab.data.blocks import Arrays, kept
from seqlab.data.labelled import Labelled
from seqlab.data.streams import numpy_stream

__all__ = ["made", "split"]

DRAWN_AS = 1
"""Goes up when the generator changes, so that no block of an older one is taken."""
BLOCK = {32: 500, 128: 50}
"""Images of a block, by their size: a few seconds' work. Even, for labels come in pairs."""


def made(seed: int, size: int, contour: int, counts: dict[str, int]) -> dict[str, Labelled]:
    """The splits: images (N, 1, S, S) uint8 with contours of `contour` paddles, and labels. They lie in the order of
    `counts`: what comes first stays as it is when there is more of what comes after. Of each two images one is
    connected."""
    wanted = sum(counts.values())
    inputs, labels = np.empty((wanted, 1, size, size), np.uint8), np.empty(wanted, np.int64)
    begin = 0
    for block in progress.told("making Pathfinder images", _blocks(seed, size, contour, wanted), len, wanted):
        inputs[begin : begin + len(block)], labels[begin : begin + len(block)] = block.inputs, block.labels
        begin += len(block)
    return split(Labelled(inputs, labels), counts)


def _blocks(seed: int, size: int, contour: int, wanted: int) -> Iterator[Labelled]:
    for number, begin in enumerate(range(0, wanted, BLOCK[size])):
        name = f"{DRAWN_AS}-{_named(size, contour)}/{seed}-{number}"
        held = kept("pathfinder", name, lambda number=number: _drawn(seed, size, contour, number))  # type: ignore[misc]
        count = min(BLOCK[size], wanted - begin)
        yield Labelled(held["images"][:count, None], held["labels"][:count])


def _named(size: int, contour: int) -> str:
    return str(size) if contour == 14 else f"{size}-{contour}"


def _drawn(seed: int, size: int, contour: int, number: int) -> Arrays:
    random = numpy_stream(seed, f"pathfinder/{_named(size, contour)}", number)
    labels = random.permuted(np.tile(np.arange(2), (BLOCK[size] // 2, 1)), axis=1).ravel()
    images = [pathfinder.draw(random, pathfinder.SETTINGS[size], label, contour) for label in labels.tolist()]
    return {"images": np.stack(images), "labels": labels}


def split(whole: Labelled, counts: dict[str, int]) -> dict[str, Labelled]:
    """The first rows are the first split's, and so on."""
    splits, begin = {}, 0
    for split, count in counts.items():
        part = slice(begin, begin + count)
        splits[split] = Labelled(whole.inputs[part], whole.labels[part])
        begin += count
    return splits
