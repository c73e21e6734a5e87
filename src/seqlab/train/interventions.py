"""What acts on, or looks at, a model in training: methods change it, probes do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from seqlab.data.streams import stream_seed
from seqlab.methods import Draws, Method
from seqlab.nn.units import hidden_units
from seqlab.probes import Probe, Profile
from seqlab.spec import Part, label
from seqlab.train.cadence import is_regular
from seqlab.train.training import Training, fresh_weight, fresh_weights, seed_generators
from seqlab.train.watching import Watching

__all__ = [
    "Metrics",
    "apply_methods",
    "begin_interventions",
    "distinct_names",
    "due_methods",
    "measure_probes",
    "measured",
    "observe",
    "optimiser_state",
    "remember_weights",
    "watched",
]

PROBE_ROWS = 8

Metrics = dict[str, Tensor | float | Profile]
"""What a step reports: numbers, and profiles of probes, by name."""


def begin_interventions(t: Training) -> None:
    """What methods and regularisers remember of the start of a run."""
    methods = t.experiment.methods
    t.units = hidden_units(t.model) if any(method.of_units for method in methods) else {}
    t.method_statistics = [method.begin(_trainable(t), t.units) for method in methods]
    _watch(t)
    if any(regulariser.compares_with() == "initial" for regulariser in t.experiment.regularisers):
        t.initial = {name: p.clone() for name, p in _trainable(t).items()}


def _watch(t: Training) -> None:
    """Put hooks on the layers that a method watches at some steps, and take off those of an earlier beginning."""
    if t.watching is not None:
        t.watching.end()
    watched = {name for method in t.experiment.methods if method.watches() for name in method.layers(t.units)}
    layers = [name for name in t.units if name in watched]
    t.watching = Watching(t.weights.worker, t.units, layers) if layers else None


def watched(t: Training) -> AbstractContextManager[None]:
    """Around the forward passes of the next step: what methods want to observe of them is kept."""
    return t.watching.forward_pass() if t.watching is not None and _observers(t) else nullcontext()


def observe(t: Training) -> None:
    """Let methods see the activations of the step's forward passes, before its update."""
    if t.watching is None or not (observers := _observers(t)):
        return
    with t.shares.rare("methods"):
        activations = t.watching.taken()
        for index in observers:
            method = t.experiment.methods[index]
            t.method_statistics[index] = method.observe(t.method_statistics[index], activations, t.units)


def _observers(t: Training) -> list[int]:
    """The places of the methods that observe the next step."""
    due = due_methods(t, t.step + 1)
    return [index for index, method in enumerate(t.experiment.methods) if method.watches(index in due)]


def apply_methods(t: Training) -> Metrics:
    """Let every method that is due act, and report what it changed as `method/...`: at once, or, of methods that act
    at every step, with the next metrics line, summed up."""
    methods, due = t.experiment.methods, due_methods(t, t.step)
    for index in due:
        with t.shares.rare("methods"):
            _add(t.method_reports, _act(t, index, methods[index]))
    if not t.method_reports or not (is_regular(t) or any(methods[index].every_steps != 1 for index in due)):
        return {}
    reports, t.method_reports = t.method_reports, {}
    return dict(reports)


def _add(reports: dict[str, Tensor], more: Mapping[str, Tensor]) -> None:
    """Counts add up; so do the squares of norms."""
    for name, value in more.items():
        old = reports.get(name)
        if old is None:
            reports[name] = value
        else:
            reports[name] = torch.hypot(old, value) if name.endswith("_norm") else old + value


def due_methods(t: Training, step: int) -> list[int]:
    """The places of the methods that act after a step, the first of which is 1."""
    between = t.steps_a_stage is not None and step % t.steps_a_stage == 0 and step != t.steps
    tasks_done = step // t.steps_a_stage if t.steps_a_stage and between else None
    return [index for index, method in enumerate(t.experiment.methods) if method.due(step, tasks_done)]


def _act(t: Training, index: int, method: Method) -> dict[str, Tensor]:
    weights, state = _trainable(t), optimiser_state(t)
    change = method.change(weights, state, t.method_statistics[index], _draws(t, index), t.units)
    with torch.no_grad():
        for name, value in change.weights.items():
            weights[name].copy_(value)
        for name, moments in change.moments.items():
            for key, value in moments.items():
                state[name][key].copy_(value)
    t.method_statistics[index] = change.statistics or t.method_statistics[index]
    t.weights.publish()
    name = distinct_names(t.experiment.methods)[index]
    return {f"method/{name}_{what}": value for what, value in change.report.items()}


def distinct_names(parts: Sequence[Part]) -> list[str]:
    """The parts' names in metrics: `l2`, or `l2_0` and `l2_1` where there are several of a kind."""
    found = [label(type(part)).rpartition("/")[2] for part in parts]
    return [f"{name}_{index}" if found.count(name) > 1 else name for index, name in enumerate(found)]


def _draws(t: Training, index: int) -> Draws:
    generator = torch.Generator(t.device)
    generator.manual_seed(stream_seed(t.experiment.seed, "methods", index, t.step))

    def fresh() -> dict[str, Tensor]:
        return fresh_weights(t, "resets", index, t.step)

    return Draws(generator, fresh, lambda path: fresh_weight(t, path, "resets", index, t.step))


def _trainable(t: Training) -> dict[str, Tensor]:
    return {name: p.detach() for name, p in t.model.named_parameters() if p.requires_grad}


def optimiser_state(t: Training) -> dict[str, dict[str, Any]]:
    """What the optimiser remembers of each parameter, by its path."""
    return {
        name: t.optimiser.state[parameter]
        for group in t.optimiser.param_groups
        for name, parameter in zip(group["names"], group["params"], strict=True)
        if parameter in t.optimiser.state
    }


def measure_probes(t: Training, phase: str, update: int) -> Metrics:
    """The measures of every probe of this phase that is due at this update (the first is 1)."""
    due = [probe for probe in _due(t, update) if probe.phase == phase]
    if not due:
        return {}
    metrics: Metrics = {}
    with t.shares.rare("probes"):
        inputs = tuple(tensor.to(t.device) for tensor in t.task.held_out_inputs(PROBE_ROWS))
        for probe in due:
            metrics |= measured(t, probe, inputs, update)
        if phase == "after_update":
            t.before_update = {}
    return metrics


def measured(t: Training, probe: Probe, inputs: tuple[Tensor, ...], update: int) -> Mapping[str, float | Profile]:
    """What one probe measures of a training as it stands."""
    model = t.model if probe.looks_at == "weights" else t.weights.worker
    seed_generators(t.experiment.seed, "probes", update)
    model.eval()
    try:
        with torch.no_grad():
            return probe.compare(model, t.before_update) if probe.compares else probe.measure(model, inputs)
    finally:
        model.train()


def remember_weights(t: Training, update: int) -> None:
    """Keep the weights before an update that a probe compares with those after it."""
    if any(probe.compares for probe in _due(t, update)):
        t.before_update = {name: p.detach().clone() for name, p in t.model.named_parameters()}


def _due(t: Training, update: int) -> list[Probe]:
    return [probe for probe in t.experiment.probes if probe.due(update, t.steps or 0)]
