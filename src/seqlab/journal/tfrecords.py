"""The records of an event file, as TensorFlow and its kin write them. Needs the extra `tensorboard`.

A record is its length (8 bytes, little-endian), the masked CRC-32C of that (4), its bytes, and their masked CRC-32C
(4). So a file that was cut off, or hurt, is whole up to there.
"""

import struct
from pathlib import Path

from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c

from seqlab.journal.errors import JournalError
from seqlab.journal.log import counted

_HEAD, _TAIL = 12, 4


def read_records(path: Path) -> tuple[list[bytes], list[str]]:
    """The whole records of a file, and a sentence when it ends within one or was hurt. Raises JournalError."""
    data = path.read_bytes()
    records: list[bytes] = []
    hurt = position = 0
    remarks = []
    while position < len(data):
        end = _end(data, position)
        if end is None and position == 0 and len(data) >= _HEAD:
            raise JournalError(f"{path} is no event file of TensorBoard, whatever its name says")
        if end is None or end + _TAIL > len(data):
            what = "damaged" if end is None and position + _HEAD <= len(data) else "cut off"
            remarks.append(f"{path.name} is {what} at byte {position:,}; the {len(records):,} events before were read")
            break
        record = data[position + _HEAD : end]
        if _agrees(record, data[end : end + _TAIL]):
            records.append(record)
        else:
            hurt += 1
        position = end + _TAIL
    if hurt:
        remarks.append(f"{path.name}: {counted(hurt, 'damaged event')} left out")
    return records, remarks


def _end(data: bytes, start: int) -> int | None:
    """Where the record that begins at `start` has its last byte, None when its length cannot be read."""
    head = data[start : start + _HEAD]
    if len(head) < _HEAD or not _agrees(head[:8], head[8:]):
        return None
    return start + _HEAD + int(struct.unpack("<Q", head[:8])[0])


def _agrees(content: bytes, checksum: bytes) -> bool:
    return bool(masked_crc32c(content) == struct.unpack("<I", checksum)[0])
