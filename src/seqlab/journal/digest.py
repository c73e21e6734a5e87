"""The last and the best of every metric, folded from metrics.jsonl up to a byte offset.

metrics.jsonl holds two kinds of lines. A metric line has "step" and values whose names contain "/". A mark,
{"attempt": n, "resumed_from": step}, says that the run went back to that step (null: to the very start), so
all lines before the mark with a later step are superseded: readers drop them.
"""

import math
from pathlib import Path
from typing import Any

from seqlab.journal.lines import Lines, Record, read_lines

BLOCK = 4 << 20
"""Bytes that are read and parsed at a time: the records of a long run take ten times the memory of its file."""
_SPELLED = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def higher_is_better(name: str) -> bool:
    """The one rule for what "best" means: accuracies and speeds are to be high, everything else is to be low."""
    return name.endswith("accuracy") or name.startswith("speed/")


def is_better(name: str, new: float, old: float) -> bool:
    """Whether `new` beats `old` as a value of the metric `name`."""
    return new > old if higher_is_better(name) else new < old


def number(value: Any) -> Any:
    """A metric's value as a number: "nan", "inf" and "-inf" stand for what JSON lacks."""
    return _SPELLED.get(value, math.nan) if type(value) is str else value


def surviving(records: list[Record]) -> list[Record]:
    """The metric lines among `records` that no later mark supersedes, in order."""
    kept: list[Record] = []
    ceiling = math.inf
    for record in reversed(records):
        if "resumed_from" in record:
            ceiling = min(ceiling, resumed_step(record))
        elif record["step"] <= ceiling:
            kept.append(record)
    kept.reverse()
    return kept


def resumed_step(mark: Record) -> float:
    """The last step that `mark` lets stand; -1 when the run began anew."""
    step = mark["resumed_from"]
    return -1 if step is None else step


def read_metrics(path: Path, start: int = 0, containing: tuple[bytes, ...] = (), most: int | None = None) -> Lines:
    """`read_lines`, where a line that is neither a metric line nor a mark counts as damaged."""
    lines = read_lines(path, start, containing, most)
    records = [record for record in lines.records if "step" in record or "resumed_from" in record]
    return Lines(records, lines.end, lines.damaged + len(lines.records) - len(records))


class Digest:
    """What the lines before `offset` say; `extend` reads on from there."""

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self.offset = 0
        self.step = -1  # the highest step seen, -1 for none
        self.damaged = 0
        self.last: dict[str, Any] = {}
        self.best: dict[str, dict[str, Any]] = {}

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> "Digest":
        """The digest that `to_json` made."""
        digest = cls()
        digest.offset, digest.step, digest.damaged = saved["offset"], saved["step"], saved["damaged"]
        digest.last = {name: number(value) for name, value in saved["last"].items()}
        digest.best = {
            name: {"value": number(entry["value"]), "step": entry["step"]} for name, entry in saved["best"].items()
        }
        return digest

    def to_json(self) -> dict[str, Any]:
        """Plain values, for summary.json."""
        return {
            "offset": self.offset,
            "step": self.step,
            "damaged": self.damaged,
            "last": self.last,
            "best": self.best,
        }

    def extend(self, path: Path) -> None:
        """Take in the lines behind `offset`; from the start when they supersede what was folded already."""
        try:
            size = path.stat().st_size
        except FileNotFoundError:
            size = 0
        if size < self.offset:
            self._clear()
        while size > self.offset:
            lines = read_metrics(path, self.offset, most=BLOCK)
            if lines.end == self.offset:
                return  # a line that is still being written
            if self._is_cut_by(lines.records):
                self._clear()
                lines = read_metrics(path)
            self.offset = lines.end
            self.damaged += lines.damaged
            self._fold(surviving(lines.records))

    def _is_cut_by(self, records: list[Record]) -> bool:
        return any("resumed_from" in record and resumed_step(record) < self.step for record in records)

    def _fold(self, records: list[Record]) -> None:
        together: Record = {}
        for record in records:
            together.update(record)
            if record["step"] > self.step:
                self.step = record["step"]
        names = [name for name in together if "/" in name]
        self.last.update((name, number(together[name])) for name in names)
        for name in names:
            self._raise_best(name, [record for record in records if name in record])

    def _raise_best(self, name: str, records: list[Record]) -> None:
        """Let `records`, all of which hold `name`, compete with the best so far; the earlier wins a tie."""
        finite = [value for record in records if type(value := record[name]) is not str]
        if not finite:
            return
        value = max(finite) if higher_is_better(name) else min(finite)
        if name in self.best and not is_better(name, value, self.best[name]["value"]):
            return
        step = next(record["step"] for record in records if record[name] == value)
        self.best[name] = {"value": value, "step": step}
