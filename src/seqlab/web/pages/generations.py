"""What models wrote, and two texts side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from seqlab.journal.generations import generations
from seqlab.web.lab import Lab
from seqlab.web.paging import Paging
from seqlab.web.words import begin, value_of

__all__ = ["page"]

ROWS = 50
TEXTS = ("prompt", "prompt_ids", "text", "output_ids", "log_probabilities")


def page(lab: Lab, request: Request) -> Response:
    """The list; with `?id=1&id=2` those beside each other."""
    everything = generations(lab.book)
    asked = [int(text) for text in request.query_params.getlist("id") if text.isdecimal()][:2]
    chosen = [record for number in asked for record in everything if record["id"] == number]
    paging = Paging.of(request, len(everything), ROWS)
    return lab.page(
        request, "generations.html",
        rows=paging.cut(everything[::-1]), paging=paging, chosen=[_told(record) for record in chosen], asked=asked,
        facts=_facts(chosen),
    )  # fmt: skip


def _told(record: Mapping[str, Any]) -> dict[str, str]:
    texts = {name: begin(str(record.get(name) or "")) for name in ("title", "prompt", "text")}
    return {"id": str(record["id"]), **texts}


def _facts(chosen: list[dict[str, Any]]) -> list[tuple[str, list[str], bool]]:
    """Settings and costs, a row each: its values, and whether they differ."""
    flat = [_flat(record) for record in chosen]
    names = dict.fromkeys(name for one in flat for name in one)
    rows = [(name, [one.get(name, "") for one in flat]) for name in names]
    return [(name, values, len(set(values)) > 1) for name, values in rows if any(values)]


def _flat(record: Mapping[str, Any], before: str = "") -> dict[str, str]:
    told: dict[str, str] = {}
    for name, value in record.items():
        if isinstance(value, Mapping):
            told |= _flat(value, f"{before}{name}.")
        elif name not in TEXTS:
            told[f"{before}{name}"] = value_of(value)[:120]
    return told
