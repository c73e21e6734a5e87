"""One metric of a run as arrays, with everything that it can be counted by; what a rule of selection is applied to."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from seqlab.journal.digest import BLOCK, number, read_metrics, resumed_step, surviving
from seqlab.journal.lines import Record

__all__ = ["COUNTS", "Columns", "Read", "read_columns"]

COUNTS = ("step", "epoch", "task", "tokens", "wall_seconds")
"""What stands on a line of the record beside its metrics, in the order of the rows of `Columns.counts`."""


@dataclass(frozen=True)
class Columns:
    """The N measurements of a metric that count, in the order of the record; superseded lines are left out."""

    counts: NDArray[np.float64]
    """(5, N), a row for each of COUNTS; NaN where a line does not say it as a number."""
    values: NDArray[np.float64]
    """(N,); may hold NaN and the infinities."""

    def count(self, name: str) -> NDArray[np.float64]:
        """(N,): the steps, epochs, tasks, tokens or wall seconds of the measurements."""
        found: NDArray[np.float64] = self.counts[COUNTS.index(name)]
        return found

    def up_to(self, step: float) -> Self:
        """Those that a return to this step lets stand."""
        kept = self.count("step") <= step
        return type(self)(self.counts[:, kept], self.values[kept])

    def followed_by(self, later: Self) -> Self:
        """These measurements and then those."""
        counts, values = np.hstack([self.counts, later.counts]), np.hstack([self.values, later.values])
        return type(self)(counts, values)


@dataclass(frozen=True)
class Read:
    """What was read of a metrics.jsonl: the columns, and the offset behind the last whole line."""

    columns: Columns
    end: int
    goes_back: bool
    """Whether one of the lines supersedes others."""


def read_columns(path: Path, metric: str, start: int = 0) -> Read:
    """The measurements of a metric behind byte `start` of a metrics.jsonl; none where it never was measured."""
    wanted = (json.dumps(metric, ensure_ascii=False).encode(), b'"resumed_from"')
    found: list[Columns] = []
    goes_back = False
    while (lines := read_metrics(path, start, wanted, BLOCK)).end > start:
        start = lines.end
        back = [resumed_step(record) for record in lines.records if "resumed_from" in record]
        if back:
            goes_back = True
            found = [one.up_to(min(back)) for one in found]
        found.append(_columns([record for record in surviving(lines.records) if metric in record], metric))
    return Read(_joined(found), start, goes_back)


def _joined(found: Sequence[Columns]) -> Columns:
    if not found:
        return _columns([], "")
    return Columns(np.hstack([one.counts for one in found]), np.hstack([one.values for one in found]))


def _columns(records: Sequence[Record], metric: str) -> Columns:
    counts = [_numbers([record.get(name) for record in records]) for name in COUNTS]
    return Columns(np.array(counts), _numbers([number(record[metric]) for record in records]))


def _numbers(values: Sequence[object]) -> NDArray[np.float64]:
    """(N,): None, and what is no number (a task may have a name), as NaN."""
    try:
        return np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        return np.array([value if type(value) in (int, float) else np.nan for value in values], dtype=np.float64)
