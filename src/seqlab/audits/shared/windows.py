"""Which stretches of a text occur in another one: rolling hashes over numpy arrays of symbols."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Found", "find", "window_hashes"]

CHUNK = 2**17
"""Symbols that are hashed at once: what they need stays in the processor's cache."""
BASE = 0x9E3779B97F4A7C15
PLACES = 20
"""Bits of a hash that the first, coarse look-up goes by."""

Hashes = NDArray[np.uint64]


class Found:
    """Where wanted windows occur in a text: how often, and where first (-1: nowhere)."""

    def __init__(self, count: int) -> None:
        self.times = np.zeros(count, np.int64)
        self.first = np.full(count, -1, np.int64)


def window_hashes(symbols: NDArray[Any], window: int) -> Hashes:
    """The hash of every window: (N,) integers -> (N - window + 1,); empty where the text is shorter than a window.

    Polynomials modulo 2^64 over randomly numbered symbols, put together from windows of 1, 2, 4 ... symbols.
    """
    if len(symbols) < window:
        return np.zeros(0, np.uint64)
    part = _numbers(int(symbols.max()) + 1)[symbols]
    whole, covered, length, factor = np.zeros(0, np.uint64), 0, 1, BASE
    while True:
        if window & length:
            whole = part if not covered else _joined(whole, part, covered, factor)
            covered += length
        if covered == window:
            return whole[: len(symbols) - window + 1]
        part = _joined(part, part, length, factor)
        length, factor = 2 * length, factor * factor % 2**64


def _joined(left: Hashes, right: Hashes, distance: int, factor: int) -> Hashes:
    """Hashes of windows of which each is a left one and, `distance` on, a right one; `factor` is BASE to the length of
    the right one."""
    count = len(right) - distance
    joined = left[:count] * np.uint64(factor)
    joined += right[distance:]
    return joined


def _numbers(count: int) -> Hashes:
    return np.random.default_rng(1).integers(0, 2**64, size=count, dtype=np.uint64)


def find(wanted: Hashes, text: NDArray[Any], window: int) -> Found:
    """Where windows occur in a text (N,), given their hashes."""
    found = Found(len(wanted))
    if not len(wanted):
        return found
    kinds, place = np.unique(wanted, return_inverse=True)
    at = Found(len(kinds))
    coarse = np.zeros(1 << PLACES, bool)
    coarse[kinds >> np.uint64(64 - PLACES)] = True
    for start in range(0, len(text) - window + 1, CHUNK):
        hashes = window_hashes(text[start : start + CHUNK + window - 1], window)
        near = np.flatnonzero(coarse[hashes >> np.uint64(64 - PLACES)])
        _count(at, kinds, hashes[near], near + start)
    found.times, found.first = at.times[place], at.first[place]
    return found


def _count(at: Found, kinds: Hashes, hashes: Hashes, places: NDArray[np.int64]) -> None:
    index = np.minimum(np.searchsorted(kinds, hashes), len(kinds) - 1)
    same = kinds[index] == hashes
    index, places = index[same], places[same]
    np.add.at(at.times, index, 1)
    kind, first = np.unique(index, return_index=True)
    unseen = at.first[kind] < 0
    at.first[kind[unseen]] = places[first[unseen]]
