"""How many bytes a run takes, and what for; and sizes as people write them."""

import os
import re
from pathlib import Path

from seqlab.journal.errors import JournalError

_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}


def bytes_by_kind(folder: Path) -> dict[str, int]:
    """Bytes by entry of the run folder ("checkpoints", "metrics.jsonl", ...), the largest first.

    A file that vanishes meanwhile counts nothing: a live run replaces its files.
    """
    with os.scandir(folder) as entries:
        sizes = {entry.name: _bytes(entry) for entry in entries}
    return dict(sorted(sizes.items(), key=lambda item: -item[1]))


def bytes_of(path: Path) -> int:
    """Bytes of a file, or of all files below a folder; 0 for one that is not there."""
    if path.is_dir() and not path.is_symlink():
        return sum(bytes_by_kind(path).values())
    return path.lstat().st_size if os.path.lexists(path) else 0


def parse_size(text: str) -> int:
    """The bytes that `text` says: 50GB, 1.5 TB, 800MB (a MB is a million). Raises JournalError."""
    shape = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", text.lower())
    if shape is None or shape[2] not in _UNITS:
        raise JournalError(f"{text!r} is no size; write a number and B, kB, MB, GB or TB, such as 50GB")
    return round(float(shape[1]) * _UNITS[shape[2]])


def _bytes(entry: "os.DirEntry[str]") -> int:
    try:
        if not entry.is_dir(follow_symlinks=False):
            return entry.stat(follow_symlinks=False).st_size
        with os.scandir(entry.path) as entries:
            return sum(_bytes(inner) for inner in entries)
    except FileNotFoundError:
        return 0
