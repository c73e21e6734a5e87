"""The IDX format of MNIST: big-endian sizes, then bytes; several arrays may follow one another in a file."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from seqlab.data import DataError

__all__ = ["parse", "written"]

BYTES = 8
"""The code of unsigned bytes, the one type that images and labels have."""


def parse(data: NDArray[np.uint8], place: str) -> list[NDArray[np.uint8]]:
    """The arrays of a file (N,) uint8, as views. Raises DataError for what is cut off or no IDX."""
    found, start = [], 0
    while start < len(data):
        head = bytes(data[start : start + 4])
        if len(head) < 4 or head[:3] != bytes([0, 0, BYTES]) or not head[3]:
            raise DataError(f"{place} is no IDX file of bytes: at byte {start:,} it has {head.hex()}; fetch it again")
        sizes = np.frombuffer(bytes(data[start + 4 : start + 4 + 4 * head[3]]), ">u4").tolist()
        begin = start + 4 + 4 * head[3]
        start = begin + math.prod(sizes)
        if len(sizes) < head[3] or start > len(data):
            raise DataError(f"{place} is cut off: it has {len(data):,} bytes of {start:,}; fetch it again")
        found.append(data[begin:start].reshape(sizes))
    return found


def written(array: NDArray[np.uint8]) -> bytes:
    """An array of bytes in the IDX format."""
    return bytes([0, 0, BYTES, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()
