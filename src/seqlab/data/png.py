"""PNG images of one byte a number (ISO/IEC 15948): grey ones are read, as the Long Range Arena has them; grey and
coloured ones written."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seqlab.data import DataError

__all__ = ["grey", "written"]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY = b"\x08\x00\x00\x00\x00"
"""Eight bits a pixel, grey, deflated, the five filters, not interlaced."""
COLOUR = b"\x08\x02\x00\x00\x00"
"""The same in red, green and blue."""


def grey(data: bytes, path: Path) -> NDArray[np.uint8]:
    """The pixels (H, W) of a file's bytes. Raises DataError for what is no such image, or is cut off or damaged."""
    try:
        chunks = _chunks(data)
        width, height = struct.unpack(">II", chunks[b"IHDR"][:8])
        if chunks[b"IHDR"][8:] != GREY:
            raise ValueError("its pixels are not one grey byte each")
        lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, width + 1)
    except (ValueError, KeyError, struct.error, zlib.error) as error:
        raise DataError(f"{path} is no grey PNG image, or is damaged ({error}); unpack the archive again") from None
    return _unfiltered(lines, path)


def written(image: NDArray[np.uint8]) -> bytes:
    """The file of an image (H, W) of grey, or (H, W, 3) of red, green and blue; no line is filtered."""
    height, width = image.shape[:2]
    lines = np.pad(image.reshape(height, -1), ((0, 0), (1, 0)))  # each begins with the number of its filter, none
    head = struct.pack(">II", width, height) + (GREY if image.ndim == 2 else COLOUR)
    parts = (b"IHDR", head), (b"IDAT", zlib.compress(lines.tobytes())), (b"IEND", b"")
    return SIGNATURE + b"".join(_chunk(kind, content) for kind, content in parts)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _chunks(data: bytes) -> dict[bytes, bytes]:
    """The chunks by their type, those of one type joined, each with the right sum."""
    if not data.startswith(SIGNATURE):
        raise ValueError("it does not begin like one")
    chunks: dict[bytes, bytes] = {}
    place = len(SIGNATURE)
    while place < len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        kind, content = data[place + 4 : place + 8], data[place + 8 : place + 8 + length]
        if zlib.crc32(kind + content).to_bytes(4, "big") != data[place + 8 + length : place + 12 + length]:
            raise ValueError("it is cut off, or a sum does not hold")
        chunks[kind] = chunks.get(kind, b"") + content
        place += 12 + length
    return chunks


def _unfiltered(lines: NDArray[np.uint8], path: Path) -> NDArray[np.uint8]:
    """The pixels behind the filter that each line begins with."""
    image = np.zeros((len(lines), lines.shape[1] - 1), np.uint8)
    above = np.zeros_like(image[0])
    for line, row in zip(lines, image, strict=True):
        match line[0]:
            case 0:
                row[:] = line[1:]
            case 1:
                row[:] = np.cumsum(line[1:], dtype=np.uint8)
            case 2:
                row[:] = line[1:] + above
            case 3 | 4:
                row[:] = _predicted(line[1:].tolist(), above.tolist(), mean=line[0] == 3)
            case _:
                raise DataError(f"{path} is damaged (a line has filter {line[0]}); unpack the archive again")
        above = row
    return image


def _predicted(line: list[int], above: list[int], *, mean: bool) -> list[int]:
    """A line whose pixels are differences: from the mean of left and above, else from Paeth's choice of a neighbour."""
    left = corner = 0
    row = []
    for difference, up in zip(line, above, strict=True):
        guess = (left + up) // 2 if mean else _paeth(left, up, corner)
        left, corner = (difference + guess) & 255, up
        row.append(left)
    return row


def _paeth(left: int, up: int, corner: int) -> int:
    """Of three neighbours the one nearest to left + up - corner, the first where several are."""
    to_left, to_up, to_corner = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
    if to_left <= to_up and to_left <= to_corner:
        return left
    return up if to_up <= to_corner else corner
