"""How many bytes a run takes, and what for."""

import os
from pathlib import Path


def bytes_by_kind(folder: Path) -> dict[str, int]:
    """Bytes by entry of the run folder ("checkpoints", "metrics.jsonl", ...), the largest first.

    A file that vanishes meanwhile counts nothing: a live run replaces its files.
    """
    with os.scandir(folder) as entries:
        sizes = {entry.name: _bytes(entry) for entry in entries}
    return dict(sorted(sizes.items(), key=lambda item: -item[1]))


def _bytes(entry: "os.DirEntry[str]") -> int:
    try:
        if not entry.is_dir(follow_symlinks=False):
            return entry.stat(follow_symlinks=False).st_size
        with os.scandir(entry.path) as entries:
            return sum(_bytes(inner) for inner in entries)
    except FileNotFoundError:
        return 0
