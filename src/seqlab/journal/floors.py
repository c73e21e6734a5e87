"""Where a result stands among the floors of its task: what a trivial model reaches without learning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqlab.journal.digest import higher_is_better
from seqlab.wording import figure

__all__ = ["LOSS", "Floors", "between", "floor_values", "standing"]

Floors = Mapping[str, Mapping[str, Any]]

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
