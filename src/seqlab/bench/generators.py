"""How fast data is made: ListOps expressions a minute and Pathfinder images a second, in an empty cache."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from tempfile import TemporaryDirectory
from unittest.mock import patch

from seqlab.bench import Options, Row
from seqlab.bench.shared.timing import Timing
from seqlab.data import contours, expressions

__all__ = ["measure"]

EXPRESSIONS, IMAGES = 10_000, 500
"""Made in a sample; images are made in blocks of 500."""
SHORTEST, LONGEST = 501, 1999
"""Symbols of an expression, as published."""


def measure(options: Options) -> list[Row]:
    """What a run does whose data is not there yet, the writing of the cache included; every sample has other data."""
    count, longest, size = (20, 40, 1) if options.quick else (EXPRESSIONS, LONGEST, IMAGES)
    rounds = 1 if options.quick else 3

    def make_expressions(seed: int) -> None:
        expressions.made(seed, min(SHORTEST, longest // 2), longest, {"train": count, "val": 1, "test": 1})

    def make_images(seed: int) -> None:
        contours.made(seed, 32, 14, {"train": size})

    with patch.dict(contours.BLOCK, {32: size + size % 2}):
        lists, images = (_rate(make, many, rounds) for make, many in ((make_expressions, count), (make_images, size)))
    per_minute = Timing(tuple(60 * rate for rate in lists.samples))
    return [
        per_minute.row("ListOps, as published", "expressions/min", target=20_000, more_is_better=True),
        images.row("Pathfinder-32, as published", "images/s", target=100, more_is_better=True),
    ]


def _rate(make: Callable[[int], None], count: int, rounds: int) -> Timing:
    """How many a second; the first sample, which imports and warms up, is not counted."""
    samples = []
    for seed in range(rounds + 1):
        with TemporaryDirectory(prefix="seqlab-bench-") as folder, patch.dict(os.environ, {"SEQLAB_CACHE": folder}):
            started = time.perf_counter()
            make(seed)
            samples.append(count / (time.perf_counter() - started))
    return Timing(tuple(samples[1:]))
