"""Columns of many runs, kept in the user's cache folder: read once from the record, then from one file.

The cache is disposable: it is written by readers only, is extended from where it stopped when a run has grown, and
where it cannot be read or written everything is read from the record instead.
"""

import sqlite3
from contextlib import suppress
from os import stat_result
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import numpy as np

from seqlab.journal.columns import COUNTS, Columns, read_columns
from seqlab.journal.files import read_bytes
from seqlab.journal.run import Run
from seqlab.places import cache_folder

__all__ = ["ColumnCache"]

SCHEMA = 1
TAIL = 256
"""Bytes before the end of what was read that must stand there still, for the file to be the same one, grown."""
TABLE = f"""CREATE TABLE IF NOT EXISTS columns_{SCHEMA} (
    path TEXT, metric TEXT, stamp TEXT, end INTEGER, tail BLOB, numbers BLOB, PRIMARY KEY (path, metric)
) WITHOUT ROWID"""
LOOK = f"SELECT stamp, end, tail, numbers FROM columns_{SCHEMA} WHERE path = ? AND metric = ?"
KEEP = f"INSERT OR REPLACE INTO columns_{SCHEMA} VALUES (?, ?, ?, ?, ?, ?)"


class Kept(NamedTuple):
    """A row of the cache."""

    stamp: str
    end: int
    tail: bytes
    columns: Columns


class ColumnCache:
    """Use as a with-block: columns are asked for inside it, what is new is kept at its end."""

    def __init__(self, place: Path | None = None) -> None:
        self._place = place or cache_folder() / "columns.sqlite"

    def __enter__(self) -> Self:
        self._base: sqlite3.Connection | None = None
        with suppress(OSError, sqlite3.Error):
            self._place.parent.mkdir(parents=True, exist_ok=True)
            self._base = self._opened()
        return self

    def _opened(self) -> sqlite3.Connection:
        """The cache; one that is damaged is thrown away and begun anew."""
        try:
            return _connected(self._place)
        except sqlite3.OperationalError:  # locked, or not to be written
            raise
        except sqlite3.DatabaseError:
            self._place.unlink()
            return _connected(self._place)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._base is not None:
            with suppress(sqlite3.Error):
                self._base.commit()
            self._base.close()

    def columns(self, run: Run, metric: str) -> Columns:
        """The columns of a metric of a run; empty where it never was measured."""
        path = run.folder / "metrics.jsonl"
        try:
            stamp = _stamp(path.stat())
        except FileNotFoundError:
            return read_columns(path, metric).columns
        kept = self._look(path, metric)
        if kept is not None and kept.stamp == stamp:
            return kept.columns
        found, end = _extended(path, metric, kept)
        self._keep(path, metric, Kept(stamp, end, _tail(path, end), found))
        return found

    def _look(self, path: Path, metric: str) -> Kept | None:
        if self._base is None:
            return None
        with suppress(sqlite3.Error, ValueError):
            row = self._base.execute(LOOK, (str(path), metric)).fetchone()
            return None if row is None else Kept(row[0], row[1], row[2], _unpacked(row[3]))
        return None

    def _keep(self, path: Path, metric: str, kept: Kept) -> None:
        if self._base is None:
            return
        numbers = np.vstack([kept.columns.counts, kept.columns.values]).data
        with suppress(sqlite3.Error):
            self._base.execute(KEEP, (str(path), metric, kept.stamp, kept.end, kept.tail, numbers))


def _connected(place: Path) -> sqlite3.Connection:
    base = sqlite3.connect(place, timeout=5)
    try:
        base.execute("PRAGMA synchronous = OFF")  # a power cut may take it: it can be made again
        base.execute(TABLE)
    except BaseException:
        base.close()
        raise
    return base


def _stamp(facts: stat_result) -> str:
    """What changes whenever the file does."""
    return f"{facts.st_ino} {facts.st_size} {facts.st_mtime_ns}"


def _tail(path: Path, end: int) -> bytes:
    start = max(0, end - TAIL)
    return read_bytes(path, start)[: end - start]


def _extended(path: Path, metric: str, kept: Kept | None) -> tuple[Columns, int]:
    """The columns as the file is now, and the offset up to which it was read."""
    if kept is not None and path.stat().st_size >= kept.end and _tail(path, kept.end) == kept.tail:
        new = read_columns(path, metric, kept.end)
        if not new.goes_back:
            return kept.columns.followed_by(new.columns), new.end
    whole = read_columns(path, metric)
    return whole.columns, whole.end


def _unpacked(data: bytes) -> Columns:
    numbers = np.frombuffer(data).reshape(len(COUNTS) + 1, -1)
    return Columns(numbers[:-1], numbers[-1])
