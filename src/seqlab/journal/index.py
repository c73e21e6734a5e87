"""The index: what listings ask of every run, read once, and read again where a run's files have changed.

It is held in memory by whoever answers again and again, and kept in the user's cache folder for the next one. The cache
is disposable: where it cannot be read or written, everything is read from the record. The lab book itself is never
written.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterable
from contextlib import closing, suppress
from pathlib import Path

from seqlab.journal.book import LabBook
from seqlab.journal.known import Known
from seqlab.journal.lease import last_attempt
from seqlab.journal.run import Run
from seqlab.places import cache_folder

__all__ = ["Index"]

SCHEMA = 1
TABLE = f"""CREATE TABLE IF NOT EXISTS runs_{SCHEMA} (
    folder TEXT PRIMARY KEY, stamp TEXT, kept BLOB
) WITHOUT ROWID"""
WATCHED = ("experiment.json", "origin.json", "parent.json", "metrics.jsonl", "summary.json", "notes.jsonl", "attempts")
"""The entries of a run folder whose change makes it be read again."""
PATIENCE = 0.5
"""Seconds for which an answer is good enough for the next question."""


class Index:
    """All runs of a lab book. Any thread may ask."""

    def __init__(self, book: LabBook, place: Path | None = None) -> None:
        self._book = book
        self._place = place or cache_folder() / "index.sqlite"
        self._known: dict[str, Known] = {}
        self._lock = threading.Lock()
        self._looked = -PATIENCE
        self._kept = _load(self._place, book.root)

    def runs(self) -> list[Known]:
        """Every run, those of the archive too, oldest first, as it is now."""
        with self._lock:
            if time.monotonic() - self._looked >= PATIENCE:
                self._look()
                self._looked = time.monotonic()
            return list(self._known.values())

    def forget_time(self) -> None:
        """Look at the files at the next question, however soon it comes: something was just written."""
        with self._lock:
            self._looked = -PATIENCE

    def _look(self) -> None:
        found: dict[str, Known] = {}
        fresh: list[Known] = []
        for folder in self._book.folders():
            known = self._one(folder, str(folder), fresh)
            if known is not None:
                found[str(folder)] = known
        self._known = dict(sorted(found.items(), key=lambda item: (item[1].created, item[1].name)))
        self._kept = {}
        if fresh:
            _keep(self._place, fresh)

    def _one(self, place: Path, folder: str, fresh: list[Known]) -> Known | None:
        """What is known of a run, read where it must be; None for one that is gone meanwhile."""
        known = self._known.get(folder) or self._kept_of(folder)
        attempts = known.attempts if known else 0
        stamp = _stamp(folder, attempts)
        if known is None or known.stamp != stamp:
            before = _stamp(folder, last_attempt(place))  # what is written while it is read makes it be read again
            known = Known.read(Run(place))
            known.stamp = before
            fresh.append(known)
        elif not known.has_ended:
            known.look_at_state(Run(place))
        return known if os.path.lexists(f"{folder}/experiment.json") else None

    def _kept_of(self, folder: str) -> Known | None:
        row = self._kept.get(folder)
        if row is None:
            return None
        with suppress(ValueError, KeyError, TypeError):
            return Known.from_json(Path(folder), row[0], json.loads(row[1]))
        return None


def _stamp(folder: str, attempts: int) -> str:
    """What changes whenever one of the files does that a listing is made of."""
    told = []
    for name in (*WATCHED, f"attempts/{attempts}"):
        try:
            facts = os.stat(f"{folder}/{name}")  # noqa: PTH116  # sixteen thousand a look: a Path costs as much again
            told.append(f"{facts.st_ino} {facts.st_size} {facts.st_mtime_ns}")
        except OSError:
            told.append("-")
    return ",".join(told)


def _load(place: Path, root: Path) -> dict[str, tuple[str, bytes]]:
    with suppress(OSError, sqlite3.Error), closing(_connected(place)) as base:
        rows = base.execute(f"SELECT folder, stamp, kept FROM runs_{SCHEMA} WHERE folder GLOB ?", (f"{_glob(root)}/*",))
        return {folder: (stamp, kept) for folder, stamp, kept in rows}
    return {}


def _keep(place: Path, fresh: Iterable[Known]) -> None:
    rows = [(str(known.folder), known.stamp, json.dumps(known.to_json()).encode()) for known in fresh]
    with suppress(OSError, sqlite3.Error), closing(_connected(place)) as base:
        base.executemany(f"INSERT OR REPLACE INTO runs_{SCHEMA} VALUES (?, ?, ?)", rows)
        base.commit()


def _connected(place: Path) -> sqlite3.Connection:
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        return _opened(place)
    except sqlite3.OperationalError:  # locked, or not to be written
        raise
    except sqlite3.DatabaseError:  # damaged: it can be made again
        place.unlink()
        return _opened(place)


def _opened(place: Path) -> sqlite3.Connection:
    base = sqlite3.connect(place, timeout=5)
    try:
        base.execute("PRAGMA synchronous = OFF")
        base.execute(TABLE)
    except BaseException:
        base.close()
        raise
    return base


def _glob(root: Path) -> str:
    """A path as GLOB takes it literally."""
    return "".join(f"[{character}]" if character in "*?[" else character for character in str(root))
