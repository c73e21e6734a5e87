"""The model card: what each layer is, and what the whole costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from seqlab.cli import render
from seqlab.report.sections.model import layer_rows

__all__ = ["print_card", "print_forecast"]


def print_card(card: Mapping[str, Any], parameters: int | None) -> None:
    """Print the layers as a table, those that are alike in one row, and the model's other facts under it."""
    columns, rows = layer_rows(card)
    if rows:
        cells = [
            [str(layer), *(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row)] for layer, *row in rows
        ]
        render.table(["layer", *columns], cells, left=["layer", *(key for key in columns if key != "parameters")])
    facts = [f"{key} {render.plain(value).rpartition('/')[2]}" for key, value in card.items() if key != "layers"]
    total = f"{parameters:,} parameters" if parameters is not None else ""
    click.echo(render.indented(" · ".join([*([total] if total else []), *facts])))


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
