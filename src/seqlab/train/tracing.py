"""One reset of a run, unit by unit: taken again from a checkpoint, in memory, and looked at before and after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from seqlab.journal import LabBook, Run
from seqlab.methods import Method
from seqlab.nn.units import Units
from seqlab.spec import SpecError, label
from seqlab.train.interventions import apply_methods, begin_interventions, distinct_names, due_methods, optimiser_state
from seqlab.train.load import experiment_of, pick_checkpoint
from seqlab.train.saving import restore
from seqlab.train.start import assembled, must_be_the_same_data
from seqlab.train.step import optimiser_step
from seqlab.train.training import Training

__all__ = ["Event", "TracedUnit", "traced"]

Norms = tuple[float, float]
"""The L2 norm of what belongs to a unit, before the reset and after it."""


@dataclass(frozen=True)
class TracedUnit:
    """A unit that was reset."""

    unit: int
    remembered: dict[str, tuple[float, float]]
    """What the method remembers of it, by name, before the act and after it."""
    tensors: dict[str, Norms]
    """`incoming`, `bias` and `outgoing`, by their paths; `PATH exp_avg` and so on for the optimiser's moments."""


@dataclass(frozen=True)
class Event:
    """The first reset of a method after a checkpoint."""

    method: str
    checkpoint: int
    step: int
    """After whose update it took place."""
    steps: int | None
    """At which the run ends by its budget: a step beyond it is one that the run never takes. None: by the clock."""
    layer: str
    units: int
    """H."""
    reset: list[TracedUnit]
    """The units that were reset."""
    untouched: bool
    """Whether all that belongs to no unit that was reset, in this layer or another, is bit for bit as it was."""
    elsewhere: dict[str, int] = field(default_factory=dict)
    """Units that the same act reset in other layers."""
    spared: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    """Of the layer's other units: least, median and greatest of what the method remembers, by name, after the act."""


def traced(run: Run, step: int | None, method: str | None, layer: str | None, most: int) -> Event | None:
    """The first reset within `most` steps after a checkpoint of a run (of a step; none: the newest), by a method of
    units (its name in metrics; none: the first there is) in a layer (none: any). Nothing of the run changes.

    Raises SpecError for a name that there is not, CheckpointError where there is no such checkpoint, or other data.
    """
    checkpoint, _ = pick_checkpoint(run, step)
    prepared = assembled(experiment_of(run), LabBook(run.folder.parent))
    must_be_the_same_data(run, prepared)
    t = prepared.training
    begin_interventions(t)
    restore(t, checkpoint)
    index = _index(t, method)
    _check_layer(t.experiment.methods[index].layers(t.units), layer)
    for _ in range(most):
        optimiser_step(t)
        before = _snapshot(t, index)
        is_due = index in due_methods(t, t.step)
        apply_methods(t)
        if is_due and (event := _event(t, index, before, layer, checkpoint.step)):
            return event
    return None


def _index(t: Training, name: str | None) -> int:
    methods = t.experiment.methods
    known = {found: index for index, found in enumerate(distinct_names(methods)) if methods[index].of_units}
    if not known:
        raise SpecError("the run has no method that resets hidden units; there is nothing to trace.")
    if name is not None and name not in known:
        raise SpecError(f"the run has no method `{name}` of hidden units; there are: {', '.join(known)}.")
    return known[name] if name is not None else next(iter(known.values()))


def _check_layer(layers: Mapping[str, Units], layer: str | None) -> None:
    if layer is not None and layer not in layers:
        raise SpecError(f"the method acts on no layer `{layer}`; it does on: {', '.join(layers)}.")


State = tuple[dict[str, Tensor], dict[str, Tensor]]
"""Weights and moments by `PATH` and `PATH KEY`, and a method's statistics."""


def _snapshot(t: Training, index: int) -> State:
    tensors = {name: p.detach().clone() for name, p in t.model.named_parameters()}
    for path, state in optimiser_state(t).items():
        for key, value in state.items():
            if isinstance(value, Tensor) and value.shape == tensors[path].shape:
                tensors[f"{path} {key}"] = value.clone()
    return tensors, dict(t.method_statistics[index])


def _event(t: Training, index: int, before: State, layer: str | None, checkpoint: int) -> Event | None:
    after = _snapshot(t, index)
    layers = t.experiment.methods[index].layers(t.units)
    masks = {name: _reset_between(before[1], after[1], name, t.experiment.methods[index]) for name in layers}
    hit = next((name for name in masks if masks[name].any() and layer in (None, name)), None)
    if hit is None:
        return None
    units = layers[hit]
    parts = [_by_unit(state, units) for state in (before[0], after[0])]
    return Event(
        method=distinct_names(t.experiment.methods)[index],
        checkpoint=checkpoint,
        step=t.step,
        steps=t.steps,
        layer=hit,
        units=len(masks[hit]),
        reset=[
            TracedUnit(
                unit,
                _remembered(before[1], after[1], hit, unit),
                {key: (_norm(parts[0][key][unit]), _norm(parts[1][key][unit])) for key in parts[0]},
            )
            for unit in masks[hit].nonzero()[:, 0].tolist()
        ],
        untouched=_untouched(before[0], after[0], layers, masks),
        elsewhere={name: int(mask.sum()) for name, mask in masks.items() if name != hit and mask.any()},
        spared=_spared(after[1], hit, ~masks[hit]),
    )


def _untouched(
    before: Mapping[str, Tensor], after: Mapping[str, Tensor], layers: Mapping[str, Units], masks: Mapping[str, Tensor]
) -> bool:
    """Whether nothing has changed that belongs to other units; a weight between two layers belongs to units of both."""
    touched = {
        path: torch.zeros_like(before[path], dtype=torch.bool) for u in layers.values() for path in u.parameters()
    }
    for name, units in layers.items():
        for path in units.parameters():
            touched[path] |= units.elements(masks[name], path, touched[path])
    kept = [(key, ~touched[key.partition(" ")[0]]) for key in before if key.partition(" ")[0] in touched]
    return all(before[key][rest].equal(after[key][rest]) for key, rest in kept)


def _reset_between(before: Mapping[str, Tensor], after: Mapping[str, Tensor], layer: str, method: Method) -> Tensor:
    key = f"resets/{layer}"
    if key not in after:
        raise SpecError(f"{label(type(method))} does not remember which units it resets (`{key}`), so it has no trace.")
    return after[key] > before[key]


def _by_unit(tensors: Mapping[str, Tensor], units: Units) -> dict[str, Tensor]:
    """What of the layer's parameters and moments belongs to each unit, by their names."""
    count = units.width(tensors)
    return {
        key: units.by_unit(tensors[key], path, count)
        for path in units.parameters()
        for key in tensors
        if key == path or key.startswith(f"{path} ")
    }


def _norm(values: Tensor) -> float:
    return float(torch.linalg.vector_norm(values.double()))


def _remembered(before: Mapping[str, Tensor], after: Mapping[str, Tensor], layer: str, unit: int) -> dict[str, Any]:
    then = _by_name(after, layer)
    return {name: (float(values[unit]), float(then[name][unit])) for name, values in _by_name(before, layer).items()}


def _spared(after: Mapping[str, Tensor], layer: str, mask: Tensor) -> dict[str, tuple[float, float, float]]:
    """mask: (H,) bool; nothing where there is no such unit."""
    found = {name: values[mask].double() for name, values in _by_name(after, layer).items()} if mask.any() else {}
    return {name: (float(one.min()), float(one.median()), float(one.max())) for name, one in found.items()}


def _by_name(statistics: Mapping[str, Tensor], layer: str) -> dict[str, Tensor]:
    """What is remembered of each unit of a layer, (H,), by its name."""
    named = ((key.partition("/"), value) for key, value in statistics.items())
    return {name: value for (name, _, of), value in named if of == layer and value.ndim == 1}
