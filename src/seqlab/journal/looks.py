"""What probes saw inside a model, place by place: probes/<probe>.jsonl of a run folder.

A line is one look of a probe: {"attempt", "step", "phase", "places": {place: {name: a number or a list of numbers}}},
numbers of five digits, arrays packed into texts. As with metrics, what a later attempt superseded does not count.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from seqlab.journal.arrays import is_packed
from seqlab.journal.digest import number, resumed_step
from seqlab.journal.lines import Record, read_lines

FOLDER = "probes"

Places = dict[str, dict[str, Any]]
"""Place of the model -> name -> a number or a list of numbers."""


class Look(NamedTuple):
    """What a probe saw at one step."""

    step: int
    phase: str
    places: Places


def looks(run_folder: Path) -> dict[str, list[Look]]:
    """The looks that count, in order, by the name of the probe."""
    marks = _marks(run_folder)
    found = {}
    for file in sorted((run_folder / FOLDER).glob("*.jsonl")):
        records = [record for record in read_lines(file).records if record["step"] <= _ceiling(record, marks)]
        found[file.stem] = [Look(record["step"], record["phase"], _read(record["places"])) for record in records]
    return {name: seen for name, seen in found.items() if seen}


def _marks(run_folder: Path) -> list[Record]:
    """Where each attempt went on from."""
    lines = read_lines(run_folder / "metrics.jsonl", containing=(b'"resumed_from"',))
    return [record for record in lines.records if "resumed_from" in record]


def _ceiling(record: Record, marks: Sequence[Record]) -> float:
    """The last step that later attempts let stand."""
    return min((resumed_step(mark) for mark in marks if mark["attempt"] > record["attempt"]), default=math.inf)


def records_of(attempt: int, step: int, measures: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The line of each probe, by its name, for measures named probe/phase/place."""
    lines: dict[str, dict[str, Any]] = {}
    for name, seen in measures.items():
        probe, phase, place = name.split("/", 2)
        line = lines.setdefault(probe, {"attempt": attempt, "step": step, "phase": phase, "places": {}})
        line["places"][place] = {key: _short(value) for key, value in seen.items()}
    return lines


def looks_of(step: int, measures: Mapping[str, float | Mapping[str, Any]]) -> dict[str, Look]:
    """Measures as they are named in a training, as looks by the name of the probe; single numbers are metrics and left
    out."""
    profiles = {name: seen for name, seen in measures.items() if isinstance(seen, Mapping)}
    lines = records_of(0, step, profiles)
    return {probe: Look(step, line["phase"], line["places"]) for probe, line in lines.items()}


def _short(value: Any) -> Any:
    if isinstance(value, str):
        return value
    return [_short(item) for item in value] if isinstance(value, list) else float(f"{value:.5g}")


def _read(value: Any) -> Any:
    """NaN and the infinities, spelled out in the file, as numbers again."""
    if isinstance(value, dict):
        return {key: _read(item) for key, item in value.items()}
    if is_packed(value):
        return value
    return [number(item) for item in value] if isinstance(value, list) else number(value)
