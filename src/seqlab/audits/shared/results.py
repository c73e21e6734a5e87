"""What a run reached, beside the floors of its task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqlab.audits.shared.subject import Subject

__all__ = ["FEW_STEPS", "ceilings_of", "floors_of", "held_out", "steps_told"]

CEILINGS = ("bayes",)
"""Names, among a task's floors, of what no model can surpass."""

FEW_STEPS = 50
"""A run of fewer steps cannot be expected to have learned anything."""


def held_out(subject: Subject) -> dict[str, float]:
    """The newest metrics of the validation split, else of its subset, by their names without it; {} where none."""
    if subject.run is None:
        return {}
    last = subject.run.metrics.last
    for phase in ("val/", "val_subset/"):
        found = {name.removeprefix(phase): value for name, value in last.items() if name.startswith(phase)}
        if found:
            return found
    return {}


def floors_of(subject: Subject, metric: str) -> dict[str, float]:
    """What each floor says of a metric; a text's floors call its loss `nats_per_symbol`."""
    return {floor: value for floor, value in _beside(subject, metric).items() if floor not in CEILINGS}


def ceilings_of(subject: Subject, metric: str) -> dict[str, float]:
    """What is known to be the best that can be reached of a metric."""
    return {name: value for name, value in _beside(subject, metric).items() if name in CEILINGS}


def _beside(subject: Subject, metric: str) -> dict[str, float]:
    if subject.run is None:
        return {}
    floors: Mapping[str, Mapping[str, Any]] = subject.run.summary.get("floors") or {}
    names = ("loss", "nats_per_symbol") if metric == "loss" else (metric,)
    return {floor: float(values[name]) for floor, values in floors.items() for name in names if name in values}


def steps_told(subject: Subject) -> str:
    """What to say of the budget: "" unless it was a handful of steps."""
    steps = subject.run.metrics.step if subject.run is not None else None
    return f"; after {steps} steps nothing else can be expected" if steps is not None and steps < FEW_STEPS else ""
