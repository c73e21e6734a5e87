"""The model card: what each layer is, and what the whole costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from seqlab.cli import render

__all__ = ["print_card", "print_forecast"]


def print_card(card: Mapping[str, Any], parameters: int | None) -> None:
    """Print the layers as a table, those that are alike in one row, and the model's other facts under it."""
    layers = card.get("layers", [])
    columns = list(dict.fromkeys(key for layer in layers for key in layer if key != "layer"))
    rows = [
        [_span(first, last), *(render.plain(layer.get(key)) for key in columns)] for first, last, layer in _runs(layers)
    ]
    if rows:
        for row in rows:
            row[1:] = [f"{int(cell):,}" if cell.isdigit() else cell for cell in row[1:]]
        render.table(["layer", *columns], rows, left=["layer", *(key for key in columns if key != "parameters")])
    facts = [f"{key} {render.plain(value).rpartition('/')[2]}" for key, value in card.items() if key != "layers"]
    total = f"{parameters:,} parameters" if parameters is not None else ""
    click.echo(render.indented(" · ".join([*([total] if total else []), *facts])))


def _runs(layers: list[dict[str, Any]]) -> list[tuple[int, int, dict[str, Any]]]:
    """Neighbours that differ in nothing but their number, together: (first, last, what they are)."""
    found: list[tuple[int, int, dict[str, Any]]] = []
    for index, layer in enumerate(layers):
        what = {key: value for key, value in layer.items() if key != "layer"}
        if found and found[-1][2] == what:
            found[-1] = (found[-1][0], index, what)
        else:
            found.append((index, index, what))
    return found


def _span(first: int, last: int) -> str:
    return f"{first}" if first == last else f"{first}-{last}"


def print_forecast(forecast: Mapping[str, Any]) -> None:
    """Print what a run will need beside what there is."""
    rate = f"{render.count(forecast['flops'])} operations, at least {render.duration(forecast['seconds'])}"
    left = forecast["quota_left"]
    quota = f", {render.size(max(left, 0))} left of the quota" if left is not None else ""
    render.pairs(
        [
            ("steps", f"{forecast['steps']:,}" if forecast["steps"] else "until the clock ends it"),
            ("memory", f"{render.size(forecast['memory_bytes'])} of {render.size(forecast['memory_available'])} free"),
            ("disk", f"{render.size(forecast['disk_bytes'])} of {render.size(forecast['disk_available'])} free{quota}"),
            ("arithmetic", rate if forecast["seconds"] is not None else ""),
        ]
    )
