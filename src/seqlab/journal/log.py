"""What another program's log says, whatever its format: numbers at steps, perhaps settings, and what was odd in it."""

import math
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from seqlab.journal.digest import number
from seqlab.journal.errors import JournalError

_TIMES = ("wall_seconds", "time", "wall_time", "timestamp")
_SINCE_1970 = 1e8
"""Seconds: a larger time of a log counts from 1970 (since 1973), a smaller one from the start of the run."""


class Row(NamedTuple):
    """Numbers at one step. `time`: seconds, None where unknown. `restarts`: what stood from this step on is void."""

    step: int
    values: dict[str, float]
    time: float | None = None
    restarts: bool = False


class Log(NamedTuple):
    """One file, read: its rows in its order, settings that it holds, and a sentence for each thing that was odd."""

    rows: list[Row]
    config: dict[str, Any]
    remarks: list[str]


def from_records(
    path: Path, records: Iterable[tuple[int, dict[str, Any]]], step_column: str | None, remarks: list[str]
) -> Log:
    """The log whose lines (number, {name: value}) were read from `path`.

    A value that is no number is left out and said. Raises JournalError when no line has a step, or one has a step that
    is no whole number.
    """
    rows: list[Row] = []
    columns: dict[str, None] = {}
    odd = _Odd(path)
    for line, record in records:
        columns.update(dict.fromkeys(record))
        names = {_plain(name): name for name in record}
        key = step_column or names.get("step", "step")
        if record.get(key) is None:
            odd.stepless += 1
            continue
        step = _step(path, line, record.pop(key), key)
        time = next((names[name] for name in _TIMES if names.get(name) in record), None)
        moment = record.pop(time) if time is not None else None
        seconds = _seconds(moment)
        if moment is not None and seconds is None:
            odd.take(str(time), line)
        for name in [name for name, value in record.items() if not _is_number(value)]:
            if record.pop(name) is not None:
                odd.take(name, line)
        rows.append(Row(step, {_own_name(name): number(value) for name, value in record.items()}, seconds))
    if not rows:  # an empty file, or no column that could be the steps
        raise JournalError(_without_steps(path, step_column or "step", columns))
    return Log(rows, {}, remarks + odd.said())


class _Odd:
    """What of a file could not be read as numbers at steps."""

    def __init__(self, path: Path) -> None:
        self.stepless = 0
        self._path = path
        self._values: dict[str, tuple[int, int]] = {}  # name -> how many, and the line of the first

    def take(self, name: str, line: int) -> None:
        """One value that is left out."""
        count, first = self._values.get(name, (0, line))
        self._values[name] = (count + 1, first)

    def said(self) -> list[str]:
        """A sentence for each kind of thing that was left out."""
        stepless = [f"{self._path.name}: {counted(self.stepless, 'line')} without a step left out"]
        return (stepless if self.stepless else []) + [
            f"{self._path.name}: {name} cannot be read in {counted(count, 'line')} (first in {first}), left out there"
            for name, (count, first) in self._values.items()
        ]


def counted(number: int, what: str) -> str:
    """A number of things: 1 line, 2 lines."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _plain(name: str) -> str:
    """A column as this module calls it: "Wall time" is wall_time."""
    return name.strip().lower().replace(" ", "_")


def _own_name(name: str) -> str:
    return _plain(name) if _plain(name) in ("epoch", "tokens") else name


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) or (type(value) is str and value in ("nan", "inf", "-inf"))


def _step(path: Path, line: int, value: Any, column: str) -> int:
    if _is_number(value) and math.isfinite(number(value)) and value == int(value) and value >= 0:
        return int(value)
    raise JournalError(
        f"{path}, line {line}: {column} is {value!r}, which is no step (a whole number); "
        "name the column of the steps with --step-column"
    )


def _seconds(value: Any) -> float | None:
    """A time as seconds: a number as it is, a date (UTC where it names no zone) since 1970."""
    if _is_number(value):
        seconds = float(number(value))
        return seconds if math.isfinite(seconds) else None
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def since_1970(seconds: float) -> bool:
    """Whether a log's time is a time of day, and no duration."""
    return seconds >= _SINCE_1970


def _without_steps(path: Path, column: str, columns: Iterable[str]) -> str:
    there = ", ".join(columns)
    if not there:
        return f"{path} holds no lines of numbers; there is nothing to import"
    return f"{path} has no column {column!r}; name the one that holds the steps with --step-column: {there}"
