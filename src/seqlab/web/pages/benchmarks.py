"""Benchmarks that were kept (`seqlab bench --keep`): the newest of each, and how it went before."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from seqlab.web.lab import Lab
from seqlab.web.svg import sparkline
from seqlab.wording import figure

__all__ = ["page"]

FILES = 200
"""The newest that are read."""


def page(lab: Lab, request: Request) -> Response:
    """A table for each benchmark."""
    read, problems = _read(lab)
    history: dict[tuple[str, str], list[float]] = {}
    newest: dict[str, dict[str, Any]] = {}
    for told in read:
        for name, rows in told.get("benchmarks", {}).items():
            newest[name] = {"time": told.get("time", ""), "machine": told.get("machine", {}), "rows": rows}
            for row in rows:
                history.setdefault((name, row["what"]), []).append(_number(row.get("value")))
    shown = [
        {"name": name, **found, "rows": [_row(name, row, history[name, row["what"]]) for row in found["rows"]]}
        for name, found in newest.items()
    ]
    return lab.page(request, "benchmarks.html", benchmarks=shown, problems=problems, files=len(read))


def _read(lab: Lab) -> tuple[list[dict[str, Any]], list[str]]:
    """What was kept, oldest first, and which files cannot be read."""
    read, problems = [], []
    for file in sorted((lab.book.root / ".bench").glob("*.json"))[-FILES:]:
        try:
            told = json.loads(file.read_bytes())
            if not _is_known(told):
                raise ValueError("it has a form that this program does not know")
            read.append(told)
        except (ValueError, OSError) as error:
            problems.append(f"{file.name} cannot be read: {error}")
    return read, problems


def _is_known(told: Any) -> bool:
    """Whether it is benchmarks by name, and each of their rows says what it is of."""
    tables = told.get("benchmarks", {}) if isinstance(told, dict) else None
    return isinstance(tables, dict) and all(
        isinstance(rows, list) and all(isinstance(row, dict) and isinstance(row.get("what"), str) for row in rows)
        for rows in tables.values()
    )


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


def _row(name: str, row: dict[str, Any], history: list[float]) -> dict[str, Any]:
    return {
        "what": row["what"],
        "value": "" if row.get("error") else figure(_number(row.get("value"))),
        "unit": row.get("unit", ""),
        "spread": f"{row['spread']:.0%}" if isinstance(row.get("spread"), float) else "",
        "target": figure(row.get("target")),
        "misses": bool(row.get("misses")),
        "ratio": f"{row['ratio']:.2f} x {row.get('peer', '')}" if isinstance(row.get("ratio"), float) else "",
        "also": ", ".join(_also(row)),
        "spark": sparkline(np.array(history), f"{name}: {row['what']}") if len(history) > 1 else "",
    }


def _also(row: dict[str, Any]) -> Iterator[str]:
    yield from (f"{figure(_number(value))} {name}" for name, value in (row.get("also") or {}).items())
    yield from (str(row[name]) for name in ("note", "error") if row.get(name))
