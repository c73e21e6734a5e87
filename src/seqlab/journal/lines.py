"""Reading JSON lines: forward from an offset, or backward from the end.

A last line without its newline is still being written, or was torn by a kill: it is left for later. A line
inside the file that cannot be read is counted, so that the reader can say so, and passed over.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from seqlab.journal.files import read_bytes

Record = dict[str, Any]
_CHUNK = 1000  # lines parsed by one call: as one JSON array they cost half as much as one by one
_BLOCK = 1 << 16  # bytes per backward read


class Lines(NamedTuple):
    """Records read, the offset behind the last whole line, and how many whole lines could not be read."""

    records: list[Record]
    end: int
    damaged: int


def read_lines(path: Path, start: int = 0, containing: tuple[bytes, ...] = (), most: int | None = None) -> Lines:
    """The records behind byte `start`; with `containing`, only of lines that hold one of these byte strings.

    most: read about so many bytes, one whole line at least; the end tells where to go on.
    """
    try:
        data = read_bytes(path, start, most)
        while most is not None and len(data) == most and b"\n" not in data:
            most *= 2
            data = read_bytes(path, start, most)
    except FileNotFoundError:
        return Lines([], start, 0)
    size = data.rfind(b"\n") + 1
    lines = data[:size].split(b"\n")[:-1]
    if containing:
        lines = [line for line in lines if any(part in line for part in containing)]
    records: list[Record] = []
    for first in range(0, len(lines), _CHUNK):
        records += _parsed(lines[first : first + _CHUNK])
    return Lines(records, start + size, len(lines) - len(records))


def read_backward(path: Path) -> Iterator[Record]:
    """The records from the last to the first, reading only as much of the file as is asked for."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        position = os.fstat(descriptor).st_size
        rest = b""
        torn = True  # what follows the last newline is no whole line
        while position:
            size = min(_BLOCK, position)
            position -= size
            lines = (os.pread(descriptor, size, position) + rest).split(b"\n")
            rest = lines[0]
            whole = lines[1:-1] if torn and len(lines) > 1 else lines[1:]
            torn = torn and len(lines) == 1
            yield from reversed(_parsed(whole))
        if not torn:
            yield from _parsed([rest])
    finally:
        os.close(descriptor)


def _parsed(lines: list[bytes]) -> list[Record]:
    """The readable ones among `lines`, in order."""
    try:
        records = json.loads(b"[" + b",".join(lines) + b"]")
    except ValueError:
        records = []
    if len(records) == len(lines) and all(type(record) is dict for record in records):
        return records  # type: ignore[no-any-return]
    return [record for line in lines if (record := _one(line)) is not None]


def _one(line: bytes) -> Record | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def whole_end(path: Path) -> int:
    """The offset behind the last whole line: where one who has read everything reads on. 0 where there is no file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    try:
        position = os.fstat(descriptor).st_size
        while position:
            size = min(_BLOCK, position)
            position -= size
            newline = os.pread(descriptor, size, position).rfind(b"\n")
            if newline >= 0:
                return position + newline + 1
        return 0
    finally:
        os.close(descriptor)
