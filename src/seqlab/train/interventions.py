"""What acts on, or looks at, a model in training: methods change it, probes do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from seqlab.data.streams import stream_seed
from seqlab.methods import Change, Draws, Method
from seqlab.nn.units import hidden_units
from seqlab.probes import Probe, Profile, Watcher
from seqlab.spec import Part, label
from seqlab.train.cadence import is_regular
from seqlab.train.training import Training, fresh_weight, fresh_weights, seed_generators
from seqlab.train.watching import Watching, watching_parts

__all__ = [
    "Metrics",
    "apply_methods",
    "begin_interventions",
    "distinct_names",
    "due_methods",
    "follows",
    "is_watched",
    "measure_probes",
    "measured",
    "observe",
    "optimiser_state",
    "probes_due",
    "remember_weights",
    "seen",
    "watched",
]

PROBE_ROWS = 8

Metrics = dict[str, Tensor | float | Profile]
"""What a step reports: numbers, and profiles of probes, by name."""


def begin_interventions(t: Training) -> None:
    """What methods, probes and regularisers remember of the start of a run."""
    methods, probes = t.experiment.methods, t.experiment.probes
    of_units = any(method.of_units for method in methods) or bool(watching_parts(t.experiment))
    t.units = hidden_units(t.model) if of_units else {}
    t.method_statistics = [method.begin(_trainable(t), t.units) for method in methods]
    weights = dict(t.model.named_parameters())
    t.probe_memories = [p.begin(weights, t.units) if isinstance(p, Watcher) else {} for p in probes]
    _watch(t)
    if any(regulariser.compares_with() == "initial" for regulariser in t.experiment.regularisers):
        t.initial = {name: p.clone() for name, p in _trainable(t).items()}


def _watch(t: Training) -> None:
    """Put hooks on the layers that are watched at some steps, and take off those of an earlier beginning."""
    if t.watching is not None:
        t.watching.end()
    watched = {name for method in t.experiment.methods if method.watches() for name in method.layers(t.units)}
    layers = [name for name in t.units if name in watched or _watchers(t)]
    t.watching = Watching(t.weights.worker, t.units, layers) if layers else None


def is_watched(t: Training) -> bool:
    """Whether methods or probes want to see the activations of the next step."""
    return t.watching is not None and bool(_observers(t) or _watchers(t))


def watched(t: Training) -> AbstractContextManager[None]:
    """Around the forward passes of the next step: what methods and probes want to see of them is kept."""
    return t.watching.forward_pass() if t.watching is not None and is_watched(t) else nullcontext()


def seen(t: Training) -> dict[str, Tensor]:
    """What was kept of the step's forward passes, by layer; nothing where nobody watches."""
    return t.watching.taken() if t.watching is not None and is_watched(t) else {}


def observe(t: Training, activations: Mapping[str, Tensor]) -> None:
    """Let methods and probes see the activations of the step's forward passes, before its update."""
    if not activations:
        return
    with t.shares.rare("methods"):
        for index in _observers(t):
            method = t.experiment.methods[index]
            t.method_statistics[index] = method.observe(t.method_statistics[index], activations, t.units)
    for index, probe in _watchers(t).items():
        with t.shares.rare("probes"):
            t.probe_memories[index] = probe.see(t.probe_memories[index], activations, t.units)


def follows(t: Training, update: int) -> bool:
    """Whether a method acts, or a probe looks, when this update is done; the first is 1."""
    if not (t.experiment.methods or t.experiment.probes):
        return False
    return bool(due_methods(t, update) or probes_due(t, update) or _watchers(t))


def _watchers(t: Training) -> dict[int, Watcher]:
    """The probes that watch every step, by their places; none before the run has begun."""
    there = zip(t.experiment.probes, t.probe_memories, strict=False)
    return {index: probe for index, (probe, _) in enumerate(there) if isinstance(probe, Watcher)}


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
    _follow(t)
    if not t.method_reports or not (is_regular(t) or any(methods[index].every_steps != 1 for index in due)):
        return {}
    reports, t.method_reports = t.method_reports, {}
    return dict(reports)


def _add(reports: dict[str, Tensor], more: Mapping[str, Tensor]) -> None:
    """Counts add up; so do the squares of norms; of shares the largest stays."""
    for name, value in more.items():
        old = reports.get(name)
        if old is None:
            reports[name] = value
        elif name.endswith("_norm"):
            reports[name] = torch.hypot(old, value)
        else:
            reports[name] = torch.maximum(old, value) if "_largest_share" in name else old + value


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
    if _watchers(t):
        _note_resets(t, index, change)
    t.method_statistics[index] = change.statistics or t.method_statistics[index]
    if change.weights:
        t.weights.publish()
    name = distinct_names(t.experiment.methods)[index]
    return {f"method/{name}_{what}": value for what, value in change.report.items()}


def _note_resets(t: Training, index: int, change: Change) -> None:
    """Which units an act reset: those whose count of resets has grown."""
    before, prefix = t.method_statistics[index], "resets/"
    for name, count in change.statistics.items():
        if name.startswith(prefix):
            mask, layer = count > before[name], name.removeprefix(prefix)
            t.resets[layer] = mask | t.resets[layer] if layer in t.resets else mask


def _follow(t: Training) -> None:
    """Let the probes that watch know what the methods did after this step."""
    if not (watchers := _watchers(t)):
        return
    prefix = "threshold/"
    thresholds = {
        name.removeprefix(prefix): value
        for statistics in t.method_statistics
        for name, value in statistics.items()
        if name.startswith(prefix)
    }
    resets, t.resets = t.resets, {}
    for index, probe in watchers.items():
        with t.shares.rare("probes"):
            t.probe_memories[index] = probe.follow(t.probe_memories[index], resets, thresholds)


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
    return {name: p.detach() for name, p in t.weights.trainable.items()}


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
    due = [probe for probe in probes_due(t, update) if probe.phase == phase]
    if not due:
        return {}
    metrics: Metrics = {}
    with t.shares.rare("probes"):
        inputs = tuple(tensor.to(t.device) for tensor in t.task.held_out_inputs(PROBE_ROWS))
        for probe in due:
            metrics |= measured(t, probe, inputs, update)
        metrics |= _told(t, due)
        if phase == "after_update":
            t.before_update = {}
    return metrics


def _told(t: Training, due: Sequence[Probe]) -> Metrics:
    """What those that watched tell of the steps since the last time."""
    metrics: Metrics = {}
    for index, probe in _watchers(t).items():
        if probe in due:
            measures, t.probe_memories[index] = probe.tell(t.probe_memories[index])
            metrics |= measures
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
    if any(probe.compares for probe in probes_due(t, update)):
        t.before_update = {name: p.detach().clone() for name, p in t.model.named_parameters()}


def probes_due(t: Training, update: int) -> list[Probe]:
    """The probes that look at this update; the first is 1."""
    return [probe for probe in t.experiment.probes if probe.due(update, t.steps or 0)]
