"""A run's numbers in their place among the floors of its task: what a trivial model reaches without learning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqlab.cli import render
from seqlab.journal.digest import higher_is_better
from seqlab.journal.floors import LOSS, Floors, floor_values, standing
from seqlab.journal.results import best_known, reached, so_far

__all__ = ["Floors", "best_known", "floor_values", "print_floors", "reached", "so_far", "standing"]

OF_IMAGES = "mean_image"
"""The floor of tasks whose loss is no cross-entropy but a squared error."""


def print_floors(floors: Floors, result: Mapping[str, float] | None = None, phase: str = "val") -> None:
    """Print the floors, and the result between those it beats and those it does not."""
    metrics = [name for name in ("loss", "bits_per_byte", "accuracy") if floor_values(floors, name)]
    # By the first metric that all of them know: the class whose mean is nearest has no loss.
    order = max(metrics, key=lambda name: len(floor_values(floors, name)), default="loss")
    rows: dict[str, Mapping[str, float]] = {
        _title(name, floors[name]): floors[name] for name in floor_values(floors, order)
    }
    own = f"this run ({phase.replace('_', ' ')})"
    if result:
        rows[own] = result
        metrics = metrics or [name for name in ("loss", "bits_per_byte", "accuracy") if name in result]

    def value(values: Mapping[str, float], metric: str) -> float | None:
        return values.get(metric, values.get(LOSS) if metric == "loss" else None)

    ordered = sorted(rows, key=lambda name: value(rows[name], order) or 0.0, reverse=not higher_is_better(order))
    cells = [[name, *(_aligned(value(rows[name], metric)) for metric in metrics)] for name in ordered]
    render.table(
        ["", *(_unit(m, floors) for m in metrics)], cells, left=[""], marked=ordered.index(own) if result else -1
    )


def _aligned(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _unit(metric: str, floors: Floors) -> str:
    loss = "squared error" if OF_IMAGES in floors else "nats/symbol"
    return {"loss": loss, "bits_per_byte": "bits/byte"}.get(metric, metric.replace("_", " "))


def _title(name: str, floor: Mapping[str, Any]) -> str:
    return f"{name} ({floor['context_bytes']} bytes of context)" if "context_bytes" in floor else name
