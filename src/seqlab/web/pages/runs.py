"""The runs as a table: any field or metric as a column, sorted, filtered, grouped over seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from seqlab.journal import JournalError, Run
from seqlab.journal.column_cache import ColumnCache
from seqlab.journal.curves import usual_metric
from seqlab.journal.known import Known
from seqlab.journal.results import best_known
from seqlab.journal.where import MISSING, look_up, paths_of
from seqlab.statistics import mean_and_error
from seqlab.web.lab import Lab
from seqlab.web.paging import Paging
from seqlab.web.search import found
from seqlab.web.svg import sparkline
from seqlab.web.words import age, setting
from seqlab.wording import duration, figure, step_of

__all__ = ["page"]

ROWS = 100
SORTED = {
    "name": lambda known: known.name,
    "state": lambda known: known.row["state"],
    "step": lambda known: known.row["step"],
    "loss": lambda known: best_known(known.metrics.last)[1].get("loss"),
    "created": lambda known: known.created,
    "took": lambda known: known.row["wall_seconds"],
    "best": lambda known: _best(known),
}
LOOKED_AT = 40
"""So many runs, the newest, are asked which fields and metrics there are."""


def page(lab: Lab, request: Request) -> Response:
    """The runs that match, or those of the archive."""
    asked = request.query_params
    archived = bool(asked.get("archived"))
    listed = [known for known in lab.everything() if known.is_archived == archived]
    matching, problem = found(listed, asked.get("q", ""))
    columns = [path for path in dict.fromkeys(asked.getlist("column")) if path]
    order = asked.get("sort") or "-created"
    ordered = _sorted(matching, order)
    common: dict[str, Any] = {
        "columns": columns, "sort": order, "problem": problem, "archived": archived, "group": asked.get("group", ""),
        "known": _fields(listed), "total": len(listed), "link": _links(request),
    }  # fmt: skip
    if asked.get("group"):
        groups = _grouped(ordered, asked["group"])
        paging = Paging.of(request, len(groups), ROWS)
        shown = [_group(members, columns, asked["group"]) for members in paging.cut(groups)]
        return lab.page(request, "groups.html", groups=shown, paging=paging, **common)
    paging = Paging.of(request, len(ordered), ROWS)
    tainted = lab.taints()
    shown_runs = paging.cut(ordered)
    rows = _rows(shown_runs, columns, tainted)
    return lab.page(request, "runs.html", rows=rows, paging=paging, **common)


def _links(request: Request) -> Any:
    """Makes the address of this table with something changed."""
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "page"]

    def link(**changed: str | None) -> str:
        items = [(name, value) for name, value in kept if name not in changed]
        return "?" + urlencode([*items, *((name, value) for name, value in changed.items() if value is not None)])

    return link


def _sorted(runs: Sequence[Known], order: str) -> list[Known]:
    """By a field, the largest first where a minus stands before it; runs that lack it come last."""
    path, falls = order.removeprefix("-"), order.startswith("-")
    value = SORTED.get(path, lambda known: _field(known, path))
    keyed = [(value(known), known) for known in runs]
    there = [(key, known) for key, known in keyed if key is not None and key == key]
    try:
        there.sort(key=lambda one: one[0], reverse=falls)
    except TypeError:  # words and numbers have no common order
        there.sort(key=lambda one: setting(one[0]), reverse=falls)
    return [known for _, known in there] + [known for key, known in keyed if key is None or key != key]


def _field(known: Known, path: str) -> Any:
    """What a column shows of a run; None where it has no such field."""
    found = look_up(known, path)
    if found is MISSING:
        return None
    return setting(found) if isinstance(found, dict | list) else found


def _best(known: Known) -> float | None:
    phase, _ = best_known(known.metrics.last)
    best = known.metrics.best.get(f"{phase}/loss")
    return best["value"] if best else None


def _fields(listed: Sequence[Known]) -> list[str]:
    """What a column can be: names of fields and metrics, to be completed while one types."""
    names: dict[str, None] = {}
    for known in listed[-LOOKED_AT:]:
        names |= dict.fromkeys(known.metrics.last) | dict.fromkeys(paths_of(known.experiment))
    return [name for name in names if not name.endswith(("part", "schema"))]


def _rows(shown: Sequence[Known], columns: Sequence[str], tainted: Mapping[str, str]) -> list[dict[str, Any]]:
    with ColumnCache() as cache:
        return [_row(known, columns, tainted.get(known.name), cache) for known in shown]


def _row(known: Known, columns: Sequence[str], taint: str | None, cache: ColumnCache) -> dict[str, Any]:
    phase, result = best_known(known.metrics.last)
    row = known.row
    return {
        "known": known,
        "taint": taint,
        "step": step_of(row["step"], row["steps"]),
        "loss": figure(result.get("loss")),
        "phase": phase.replace("val_subset", "subset"),
        "best": figure(_best(known)),
        "age": age(known.created),
        "took": duration(row["wall_seconds"]),
        "cells": [_cell(_field(known, path)) for path in columns],
        "spark": _spark(known, cache),
    }


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return figure(value) if isinstance(value, float) else setting(value)


def _spark(known: Known, cache: ColumnCache) -> str:
    """The curve that one looks at first, small; "" for a run without one."""
    run = Run(known.folder)
    try:
        metric = usual_metric(known)
        return sparkline(cache.columns(run, metric).values, f"{metric} of {known.name}")
    except (JournalError, OSError):
        return ""


def _grouped(runs: Sequence[Known], by: str) -> list[list[Known]]:
    """Runs together that have the same settings but for the seed, or the same value of a field."""
    groups: dict[Any, list[Known]] = {}
    for known in runs:
        key = known.setting if by == "seeds" else setting(_field(known, by))
        groups.setdefault(key, []).append(known)
    return list(groups.values())


def _group(members: Sequence[Known], columns: Sequence[str], by: str) -> dict[str, Any]:
    first = members[0]
    return {
        "title": first.name if by == "seeds" else f"{by} = {setting(_field(first, by))}",
        "members": members,
        "seeds": sorted({known.seed for known in members if isinstance(known.seed, int)}),
        "loss": _mean([best_known(known.metrics.last)[1].get("loss") for known in members]),
        "best": _mean([_best(known) for known in members]),
        "cells": [_together([_field(known, path) for known in members]) for path in columns],
    }


def _together(values: Sequence[Any]) -> str:
    """A mean with its standard error of numbers that differ; else the values that there are."""
    different = list(dict.fromkeys(_cell(value) for value in values))
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(different) > 1 and len(numbers) == len(values):
        return _mean(numbers)
    return ", ".join(different[:4]) + (" ..." if len(different) > 4 else "")


def _mean(values: Sequence[float | None]) -> str:
    numbers = [value for value in values if value is not None and math.isfinite(value)]
    if not numbers:
        return ""
    mean, error = mean_and_error(numbers)
    return figure(mean) + (f" ± {error:.2g}" if error is not None else "")
