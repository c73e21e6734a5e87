"""Reading a run's metrics: the last and best values at once, a curve or the newest lines when asked for."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seqlab.journal.digest import Digest, number, read_metrics, resumed_step, surviving
from seqlab.journal.errors import JournalError
from seqlab.journal.files import read_object
from seqlab.journal.lines import Record, read_backward


class Metrics:
    """The metrics of one run folder. A live run is followed: each question reads what was added since."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "metrics.jsonl"
        self._summary = folder / "summary.json"
        self._known: Digest | None = None

    @property
    def last(self) -> dict[str, float]:
        """The newest value of every metric."""
        return self.digest().last

    @property
    def best(self) -> dict[str, dict[str, Any]]:
        """The best value of every metric with its step: {"value": ..., "step": ...}; always finite."""
        return self.digest().best

    @property
    def step(self) -> int | None:
        """The highest step recorded, None before the first line."""
        step = self.digest().step
        return None if step < 0 else step

    @property
    def damaged(self) -> int:
        """How many lines could not be read: torn by a crash, or hurt since. A reader should say so."""
        return self.digest().damaged

    def digest(self) -> Digest:
        """Last and best up to the last whole line: from summary.json, completed from its offset."""
        if self._known is None:
            saved = (read_object(self._summary) or {}).get("metrics")
            self._known = Digest() if saved is None else Digest.from_json(saved)
        self._known.extend(self._path)
        return self._known

    def curve(self, name: str) -> tuple[list[int], list[float]]:
        """Steps and values of one metric, in the order they were logged; empty when it never was."""
        wanted = (json.dumps(name, ensure_ascii=False).encode(), b'"resumed_from"')
        records = surviving(read_metrics(self._path, containing=wanted).records)
        points = [record for record in records if name in record]
        return [point["step"] for point in points], [number(point[name]) for point in points]

    def lines(self) -> Iterator[Record]:
        """Every line that counts, in order, values as numbers."""
        for record in surviving(read_metrics(self._path).records):
            yield _plain(record)

    def tail(self, count: int) -> list[Record]:
        """The newest `count` lines that count, in order; reads the end of the file only."""
        newest: list[Record] = []
        ceiling = math.inf
        for record in read_backward(self._path):
            if len(newest) >= count:
                break
            if "resumed_from" in record:
                ceiling = min(ceiling, resumed_step(record))
            elif record.get("step", math.inf) <= ceiling and "step" in record:
                newest.append(_plain(record))
        newest.reverse()
        return newest


def seconds_so_far(folder: Path, previous: int) -> float:
    """The wall seconds of all attempts up to `previous`, superseded or not, as far as any of them wrote them down."""
    attempt = folder / "attempts" / str(previous)
    started = (read_object(attempt / "lease.json") or {}).get("seconds_before", 0.0)
    ended = (read_object(attempt / "exit.json") or {}).get("wall_seconds", 0.0)
    return float(max(started, ended, _newest_wall_seconds(folder)))


def _newest_wall_seconds(folder: Path) -> float:
    for record in read_backward(folder / "metrics.jsonl"):
        if "wall_seconds" in record:
            return float(record["wall_seconds"])
    return 0.0


def one_number(name: str, value: Any) -> float:
    """`value`, some other kind of number (numpy's, a tensor of one element), as a float.

    Raises JournalError for what is none.
    """
    if not isinstance(value, str):
        try:
            return float(value)
        except (TypeError, ValueError):
            pass
    raise JournalError(f"the metric {name} is {value!r:.60}, a {type(value).__name__}; log one number")


def _plain(record: Record) -> Record:
    return {key: number(value) if "/" in key else value for key, value in record.items()}
