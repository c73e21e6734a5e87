"""What goes with a loss of plasticity, by task and layer, read from what probes saw: resets, deaths, ages, thresholds,
lifetimes, entropies, ranks, norms."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from seqlab.journal.errors import JournalError
from seqlab.journal.groups import RunGroup
from seqlab.journal.run import Run

__all__ = ["QUANTITIES", "Band", "Correlates", "correlates"]

Series = dict[float, float]
"""Task (or step) -> value."""


@dataclass(frozen=True)
class Quantity:
    """One number of each layer."""

    title: str
    probe: str
    name: str
    """Of the number in what the probe saw of a place; empty where the probe's metric of the place is the number."""
    element: int | None = None
    """Of a row of numbers."""
    together: Callable[[Sequence[float]], float] = lambda values: sum(values) / len(values)
    """Of the places of one layer."""


def _root_of_squares(values: Sequence[float]) -> float:
    return math.sqrt(sum(value**2 for value in values))


MEDIAN, OLD = 3, 5
"""Places of the quantiles .5 and .95 in what `lifetimes` tells."""
QUANTITIES = (
    Quantity("resets since the last look", "lifetimes", "resets", together=sum),
    Quantity("units that never fired, share", "lifetimes", "never_fired"),
    Quantity("dead units on held-out data, share", "units", "dead"),
    Quantity("dormant units (score at most 0.025), share", "units", "dormant", 1),
    Quantity("age in positions, median", "lifetimes", "age_positions", MEDIAN),
    Quantity("age in positions, 95 %", "lifetimes", "age_positions", OLD),
    Quantity("lifetime of reset units, median, steps", "lifetimes", "lifetimes", MEDIAN),
    Quantity("thresholds, median", "lifetimes", "thresholds", MEDIAN),
    Quantity("attention entropy, nats", "attention", "entropy"),
    Quantity("effective rank of units", "ranks", "effective"),
    Quantity("norm of the weights", "weight_norms", "", together=_root_of_squares),
    Quantity("gradients, root mean square", "gradients", "rms"),
    Quantity("gradient that is exactly 0, share", "gradients", "zero"),
)


@dataclass(frozen=True)
class Band:
    """A quantity of one layer through training: the mean over the seeds that have it, their lowest and highest."""

    x: list[float]
    mean: list[float]
    low: list[float]
    high: list[float]


@dataclass(frozen=True)
class Correlates:
    """Quantity -> layer -> group -> band; only what some group has."""

    axis: str
    """"tasks" or "steps"."""
    bands: dict[str, dict[str, dict[str, Band]]]


def correlates(groups: Sequence[RunGroup]) -> Correlates:
    """What the probes of the groups' runs saw. Raises JournalError where none saw any of the quantities, and where some
    runs are streams of tasks and others are not."""
    axes = {_steps_a_task(run) is not None for group in groups for run in group.runs}
    if len(axes) > 1:
        raise JournalError("some of these runs are streams of tasks and others are not; draw them apart")
    found: dict[str, dict[str, dict[str, Band]]] = {}
    for quantity in QUANTITIES:
        layers: dict[str, dict[str, Band]] = {}
        for group in groups:
            runs = [_by_layer(run, quantity) for run in group.runs]
            for layer in dict.fromkeys(layer for each in runs for layer in each):
                layers.setdefault(layer, {})[group.name] = _band([each.get(layer, {}) for each in runs])
        if layers:
            found[quantity.title] = dict(sorted(layers.items(), key=lambda item: _in_order(item[0])))
    if not found:
        raise JournalError(
            "no probe saw what is drawn here; train with `probes=lifetimes,units,attention,weight_norms` "
            "(plasticity:pairs_small has them)"
        )
    return Correlates("tasks" if axes == {True} else "steps", found)


def _band(seeds: Sequence[Series]) -> Band:
    places = sorted({x for series in seeds for x in series})
    values = [[series[x] for series in seeds if x in series] for x in places]
    means = [sum(each) / len(each) for each in values]
    return Band(places, means, [min(each) for each in values], [max(each) for each in values])


def _by_layer(run: Run, quantity: Quantity) -> dict[str, Series]:
    """The finite values of a quantity by layer."""
    each = _steps_a_task(run) or 1
    found: dict[str, dict[float, list[float]]] = {}
    for place, step, value in _metrics(run, quantity) if not quantity.name else _looks(run, quantity):
        if math.isfinite(value):
            found.setdefault(_layer_of(place), {}).setdefault(step / each, []).append(value)
    return {layer: {x: quantity.together(at) for x, at in series.items()} for layer, series in found.items()}


def _looks(run: Run, quantity: Quantity) -> list[tuple[str, int, float]]:
    found = []
    for look in run.looks().get(quantity.probe, []):
        for place, seen in look.places.items():
            value = seen.get(quantity.name)
            if value is not None and _is_of_layer(place):
                found.append((place, look.step, value if quantity.element is None else value[quantity.element]))
    return found


def _metrics(run: Run, quantity: Quantity) -> list[tuple[str, int, float]]:
    prefix = f"{quantity.probe}/"
    names = [name for name in run.metrics.last if name.startswith(prefix)]
    return [
        (name.split("/", 2)[2], step, value)
        for name in names
        if _is_of_layer(name.split("/", 2)[2])
        for step, value in zip(*run.metrics.curve(name), strict=True)
    ]


def _is_of_layer(place: str) -> bool:
    return place.partition(".")[2][:1].isdigit()


def _layer_of(place: str) -> str:
    """`blocks.0` of `blocks.0.channel.up`."""
    return ".".join(place.removesuffix(" (units)").split(".")[:2])


def _in_order(layer: str) -> tuple[str, int]:
    name, _, number = layer.partition(".")
    return name, int(number) if number.isdigit() else 0


def _steps_a_task(run: Run) -> int | None:
    """Of a stream; None of a single task, and where the clock alone ends a task."""
    experiment: dict[str, Any] = run.experiment
    tasks, steps = (experiment.get("task") or {}).get("tasks", 1), (experiment.get("budget") or {}).get("steps")
    return int(steps) if tasks > 1 and steps else None
