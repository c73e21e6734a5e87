"""Inside a model: what probes saw, place by place and look by look; what methods did; the pictures it drew."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from seqlab.journal import JournalError, Run
from seqlab.journal.arrays import is_packed
from seqlab.journal.looks import Look
from seqlab.web.files import pictures
from seqlab.web.grids import grid
from seqlab.web.lab import Lab
from seqlab.web.svg import bars

__all__ = ["one_map", "page"]

LOOKS = 120
"""Columns of a map at most: of more looks every so many."""
PLACES = 60
HISTOGRAMS = 24
OPEN = 1
"""Maps of a probe that are drawn at once; the others when they are opened."""


def page(lab: Lab, request: Request) -> Response:
    """Maps of places over looks, histograms of the newest look, curves of methods over tasks, pictures, evaluations."""
    run = lab.run(request.path_params["name"])
    seen = run.looks()
    last = run.metrics.last
    method = [name for name in last if name.startswith("method/")]
    by_task = method + [name for name in last if name.rpartition("/")[2] in ("dead", "age", "dormant")]
    return lab.page(
        request, "inside.html",
        name=run.name, probes=[_probe(name, looks) for name, looks in seen.items()], pictures=pictures(run.folder),
        by_task=list(dict.fromkeys(by_task)), evaluations=list(_evaluations(run)),
        single=[name for name in last if name.count("/") > 1][:40],
    )  # fmt: skip


def one_map(lab: Lab, request: Request) -> Response:
    """One map, `?probe=attention&key=entropy`: asked for when it is opened."""
    run, asked = lab.run(request.path_params["name"]), request.query_params
    looks = run.looks().get(asked.get("probe", ""))
    if not looks:
        raise JournalError(f"no probe {asked.get('probe')!r} saw anything of {run.name}")
    places = list(looks[-1].places)[:PLACES]
    return HTMLResponse(_map(asked["probe"], asked.get("key", ""), _thinned(looks), places))


def _thinned(looks: Sequence[Look]) -> Sequence[Look]:
    """Every so many looks, the newest among them."""
    every = -(-len(looks) // LOOKS)
    return looks[(len(looks) - 1) % every :: every]


def _probe(name: str, looks: Sequence[Look]) -> dict[str, Any]:
    newest = looks[-1].places
    keys = list(dict.fromkeys(key for profile in newest.values() for key in profile))
    lists = [key for key in keys if any(isinstance(profile.get(key), list) for profile in newest.values())]
    numbers = [key for key in keys if key not in lists and not any(is_packed(one.get(key)) for one in newest.values())]
    places = list(newest)[:PLACES]
    return {
        "name": name,
        "phase": looks[-1].phase,
        "first": looks[0].step,
        "last": looks[-1].step,
        "looks": len(looks),
        "left_out": len(newest) - len(places),
        "maps": [(key, _map(name, key, _thinned(looks), places)) for key in numbers[:OPEN]],
        "more": numbers[OPEN:],
        "histograms": [(key, list(_histograms(key, newest, places))) for key in lists],
    }


def _map(probe: str, key: str, looks: Sequence[Look], places: Sequence[str]) -> Any:
    values = {place: [_number(look.places.get(place, {}).get(key)) for look in looks] for place in places}
    return grid(values, f"{key} of {probe}", [f"step {look.step:,}" for look in looks])


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


def _histograms(key: str, newest: dict[str, dict[str, Any]], places: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """The newest list of each place; a list of lists is drawn as a map of its own."""
    for place in places[:HISTOGRAMS]:
        values = newest[place].get(key)
        if isinstance(values, list) and values and all(isinstance(row, list) for row in values):
            rows = {str(index): [_number(value) for value in row] for index, row in enumerate(values)}
            yield place, grid(rows, f"{key} at {place}", [])
        elif isinstance(values, list) and values:
            yield place, bars([_number(value) for value in values], f"{key} at {place}")


def _evaluations(run: Run) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """The numbers of each file in eval/; None for one that cannot be read."""
    for file in sorted((run.folder / "eval").glob("*.json")):
        try:
            found = json.loads(file.read_bytes())
        except ValueError:
            yield file.name, None
            continue
        if isinstance(found, dict):
            yield file.name, {key: value for key, value in found.items() if isinstance(value, int | float | str)}
