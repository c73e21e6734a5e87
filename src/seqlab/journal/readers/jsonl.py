"""JSON lines: an object in every line; an object within it (`{"train": {"loss": 1}}`) is a phase, `train/loss`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seqlab.journal.lines import read_lines
from seqlab.journal.log import Log, counted, from_records


def reads(path: Path) -> bool:
    """By the end of its name, else by its first line, which must be an object."""
    if path.suffix.lower() in (".jsonl", ".ndjson"):
        return True
    with path.open("rb") as file:
        first = file.readline(1 << 20)
    try:
        return isinstance(json.loads(first), dict)
    except ValueError:
        return False


def read(path: Path, step_column: str | None) -> Log:
    """Every line that can be read. Raises JournalError."""
    lines = read_lines(path)
    remarks: list[str] = []
    if lines.damaged:
        remarks.append(f"{path.name}: {counted(lines.damaged, 'line')} that cannot be read left out")
    if lines.end < path.stat().st_size:
        remarks.append(f"{path.name} is cut off in its last line; the lines before it were read")
    records = ((index, dict(_flat(record))) for index, record in enumerate(lines.records, 1))
    return from_records(path, records, step_column, remarks)


def _flat(record: dict[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in record.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}/")
        else:
            yield f"{before}{name}", value
