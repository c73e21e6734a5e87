"""PNG files, written by the book."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray


def written(
    image: NDArray[np.uint8], filters: tuple[int, ...] = (0,), header: bytes = b"\x08\x00\x00\x00\x00"
) -> bytes:
    """The file of a grey image (H, W), whose lines take the filters in turn; one of no filter stays as it is."""
    lines = b"".join(_line(image, row, filters[row % len(filters)]) for row in range(len(image)))
    parts = (b"IHDR", struct.pack(">II", image.shape[1], len(image)) + header), (b"IDAT", zlib.compress(lines))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*part) for part in (*parts, (b"IEND", b"")))


def _line(image: NDArray[np.uint8], row: int, kind: int) -> bytes:
    padded = np.pad(image.astype(int), ((1, 0), (1, 0)))
    here, left, above, corner = padded[row + 1, 1:], padded[row + 1, :-1], padded[row, 1:], padded[row, :-1]
    neighbours = np.stack([left, above, corner])
    paeth = neighbours[np.abs(neighbours - (left + above - corner)).argmin(0), np.arange(len(here))]
    guess = {1: left, 2: above, 3: (left + above) // 2, 4: paeth}.get(kind, 0)
    return bytes([kind]) + ((here - guess) % 256).astype(np.uint8).tobytes()


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
