"""The IDX format of MNIST: big-endian sizes, then bytes; several arrays may follow one another in a file."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from seqlab.data import DataError

__all__ = ["KINDS", "parse", "single", "written"]

BYTES = 8
"""The code of unsigned bytes, the one type that images and labels have."""
KINDS = {"images": 3, "labels": 1}
"""What MNIST's files hold, and in how many axes: magic numbers 2051 and 2049."""


def parse(data: NDArray[np.uint8], place: str) -> list[NDArray[np.uint8]]:
    """The arrays of a file (N,) uint8, as views. Raises DataError for what is cut off or no IDX."""
    found, start = [], 0
    while start < len(data):
        array, start = _first(data, start, place)
        found.append(array)
    return found


def single(data: NDArray[np.uint8], kind: str, place: str) -> NDArray[np.uint8]:
    """The one array of a file of `images` or `labels`, as a view. Raises DataError for what is no such file, is cut off
    or goes on behind it."""
    if not len(data):
        raise DataError(f"{place} is empty; fetch it again")
    magic, due = bytes(data[:4]), bytes([0, 0, BYTES, KINDS[kind]])
    if magic != due and len(data) >= len(due):
        raise DataError(
            f"{place} is no IDX file of {kind}: its magic number is {int.from_bytes(magic)} (hex {magic.hex()}), and "
            f"theirs is {int.from_bytes(due)}; fetch it again"
        )
    array, end = _first(data, 0, place)
    if end < len(data):
        raise DataError(
            f"{place} says that it has {len(array):,} {kind}, which end at byte {end:,}, and goes on to byte "
            f"{len(data):,}; fetch it again"
        )
    return array


def _first(data: NDArray[np.uint8], start: int, place: str) -> tuple[NDArray[np.uint8], int]:
    """The array that begins at a byte, and where it ends."""
    head = bytes(data[start : start + 4])
    if len(head) < 4 or head[:3] != bytes([0, 0, BYTES]) or not head[3]:
        raise DataError(f"{place} is no IDX file of bytes: at byte {start:,} it has {head.hex()}; fetch it again")
    sizes = np.frombuffer(bytes(data[start + 4 : start + 4 + 4 * head[3]]), ">u4").tolist()
    begin = start + 4 + 4 * head[3]
    end = begin + math.prod(sizes)
    if len(sizes) < head[3] or end > len(data):
        raise DataError(f"{place} is cut off: it has {len(data):,} bytes of {end:,}; fetch it again")
    return data[begin:end].reshape(sizes), end


def written(array: NDArray[np.uint8]) -> bytes:
    """An array of bytes in the IDX format."""
    return bytes([0, 0, BYTES, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()
