"""What lies in the lab book's folder and is no run, and what killed processes left inside the runs."""

import os
import time
from pathlib import Path
from typing import NamedTuple

from seqlab.journal.book import LabBook
from seqlab.journal.run import Run
from seqlab.journal.space import bytes_of

SETTLED_SECONDS = 3600
"""What a living process writes under another name is in place within this time; what is older was left behind."""


class Leftover(NamedTuple):
    """A file or folder that a killed process left half done, or kept for its last words. Nothing needs it any more."""

    path: Path
    bytes: int
    what: str


def leftovers_of_book(book: LabBook) -> list[Leftover]:
    """Run folders that were never finished being made, and temporary files beside the runs."""
    drafts = [Leftover(path, bytes_of(path), "a run that was never made") for path in _old(book.root, ".making-*")]
    return drafts + _temporary(book.root)


def leftovers_of_run(run: Run) -> list[Leftover]:
    """What killed attempts and removals left in a run folder. Ask only when nobody trains the run."""
    drafts = [Leftover(path, bytes_of(path), "half a checkpoint") for path in _old(run.folder / "checkpoints", ".*")]
    ballast = [Leftover(path, bytes_of(path), "ballast") for path in _old(run.folder, "attempts/*/ballast")]
    gone = [Leftover(path, bytes_of(path), "half removed") for path in _old(run.folder, ".*.gone")]
    return drafts + ballast + gone + _temporary(run.folder) + _temporary(run.folder, "attempts/*/")


def others_of_book(book: LabBook) -> dict[str, int]:
    """Bytes of what lies in the folder and is neither a run nor a leftover, by name."""
    known = {run.folder.name for run in book.runs()} | {leftover.path.name for leftover in leftovers_of_book(book)}
    archived = {run.folder.name for run in book.runs(archived=True)}
    found = _sizes(book.root, known | {".archive"}) | {
        f".archive/{name}": size for name, size in _sizes(book.root / ".archive", archived).items()
    }
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _sizes(folder: Path, without: set[str]) -> dict[str, int]:
    if not folder.is_dir():
        return {}
    return {path.name: bytes_of(path) for path in folder.iterdir() if path.name not in without}


def _temporary(folder: Path, below: str = "") -> list[Leftover]:
    return [Leftover(path, bytes_of(path), "a temporary file") for path in _old(folder, f"{below}.*.tmp")]


def _old(folder: Path, pattern: str) -> list[Path]:
    """The paths below `folder` that nobody has changed for so long that nobody is at it."""
    limit = time.time() - SETTLED_SECONDS
    return [path for path in sorted(folder.glob(pattern)) if _changed(path) < limit]


def _changed(path: Path) -> float:
    """When a file or folder was last changed; one that has just vanished counts as new."""
    try:
        return os.lstat(path).st_mtime
    except FileNotFoundError:
        return float("inf")
