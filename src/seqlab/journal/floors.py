"""Where a result stands among the floors of its task: what a trivial model reaches without learning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from seqlab.journal.digest import higher_is_better
from seqlab.wording import figure

__all__ = ["COMPARED", "LOSS", "Floors", "Standings", "between", "floor_values", "standing", "standings"]

Floors = Mapping[str, Mapping[str, Any]]

COMPARED = ("loss", "bits_per_byte", "accuracy", "bit_accuracy")
"""What floors are compared by."""
LOSS = "nats_per_symbol"
"""What floors call the metric `loss` of a text."""


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
    sign = "<" if beaten else "=" if figure(loss) == figure(value) else ">"
    return f"{sign} {name} {figure(value)}"


def between(loss: float, floors: Floors) -> str:
    """The hardest floor that the loss beats and the easiest that it does not: `< bigram 2.453, > ngram 1.7`."""
    values = floor_values(floors, "loss")
    beaten = [f"< {name} {figure(value)}" for name, value in values.items() if loss < value][-1:]
    missed = [f"> {name} {figure(value)}" for name, value in values.items() if not loss < value][:1]
    return ", ".join(beaten + missed)


class Standings(NamedTuple):
    """A result between the floors that it beats and those it does not."""

    metrics: list[str]
    rows: list[tuple[str, list[float | None]]]
    """What each reaches by each of the metrics, the easiest to beat first."""
    own: int | None
    """The row of the result."""


def standings(floors: Floors, result: Mapping[str, float], phase: str) -> Standings:
    """The floors and the result of a phase, in the order of the metric that most floors know."""
    metrics = [name for name in COMPARED if floor_values(floors, name)] or [one for one in COMPARED if one in result]
    order = max(metrics, key=lambda name: len(floor_values(floors, name)), default="loss")
    known: dict[str, Mapping[str, Any]] = {
        _title(name, floors[name]): floors[name] for name in floor_values(floors, order)
    }
    own = f"this run ({phase.replace('_', ' ')})"
    if result:
        known[own] = result
    ordered = sorted(known, key=lambda name: _value(known[name], order) or 0.0, reverse=not higher_is_better(order))
    rows = [(name, [_value(known[name], metric) for metric in metrics]) for name in ordered]
    return Standings(metrics, rows, ordered.index(own) if result else None)


def _value(values: Mapping[str, Any], metric: str) -> float | None:
    found = values.get(metric, values.get(LOSS) if metric == "loss" else None)
    return None if found is None else float(found)


def _title(name: str, floor: Mapping[str, Any]) -> str:
    return f"{name} ({floor['context_bytes']} bytes of context)" if "context_bytes" in floor else name
