"""A run's numbers in their place among the floors of its task: what a trivial model reaches without learning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqlab.cli import render
from seqlab.journal.digest import higher_is_better
from seqlab.journal.results import best_known, reached, so_far

__all__ = ["best_known", "floor_values", "print_floors", "reached", "so_far", "standing"]

Floors = Mapping[str, Mapping[str, Any]]

LOSS = "nats_per_symbol"
"""What floors call the metric `loss` of a text."""
OF_IMAGES = "mean_image"
"""The floor of tasks whose loss is no cross-entropy but a squared error."""


def floor_values(floors: Floors, metric: str) -> dict[str, float]:
    """What each floor says of a metric, the easiest to beat first."""
    names = (metric, LOSS) if metric == "loss" else (metric,)
    found = {floor: values[name] for floor, values in floors.items() for name in names if name in values}
    return dict(sorted(found.items(), key=lambda item: item[1], reverse=not higher_is_better(metric)))


def standing(loss: float, floors: Floors) -> str:
    """Where a loss stands: `< bigram 2.453`, the hardest floor that it beats, or `> uniform 5.545`; `=` where it is at
    the easiest floor to the digits shown, as at the start of a training."""
    values = floor_values(floors, "loss")
    if not values:
        return ""
    beaten = [(name, value) for name, value in values.items() if loss < value]
    name, value = beaten[-1] if beaten else next(iter(values.items()))
    sign = "<" if beaten else "=" if render.figure(loss) == render.figure(value) else ">"
    return f"{sign} {name} {render.figure(value)}"


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
