"""A run's numbers in their place among the floors of its task: what a trivial model reaches without learning."""

from __future__ import annotations

from collections.abc import Mapping

from seqlab.cli import render
from seqlab.journal.floors import Floors, floor_values, standing, standings
from seqlab.journal.results import best_known, reached, so_far

__all__ = ["Floors", "best_known", "floor_values", "print_floors", "reached", "so_far", "standing"]

OF_IMAGES = "mean_image"
"""The floor of tasks whose loss is no cross-entropy but a squared error."""


def print_floors(floors: Floors, result: Mapping[str, float] | None = None, phase: str = "val") -> None:
    """Print the floors, and the result between those it beats and those it does not."""
    metrics, rows, own = standings(floors, result or {}, phase)
    cells = [[name, *map(_aligned, values)] for name, values in rows]
    render.table(["", *(_unit(m, floors) for m in metrics)], cells, left=[""], marked=-1 if own is None else own)


def _aligned(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _unit(metric: str, floors: Floors) -> str:
    loss = "squared error" if OF_IMAGES in floors else "nats/symbol"
    return {"loss": loss, "bits_per_byte": "bits/byte"}.get(metric, metric.replace("_", " "))
