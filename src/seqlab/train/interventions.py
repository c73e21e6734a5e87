"""What acts on, or looks at, a model in training: methods change it, probes do not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from seqlab.data.streams import stream_seed
from seqlab.methods import Draws, Method
from seqlab.spec import Part, label
from seqlab.train.training import Training, fresh_weights, seed_generators

__all__ = [
    "apply_methods",
    "begin_interventions",
    "distinct_names",
    "due_methods",
    "measure_probes",
    "optimiser_state",
]

PROBE_ROWS = 8


def begin_interventions(t: Training) -> None:
    """What methods and regularisers remember of the start of a run."""
    t.method_statistics = [method.begin(_trainable(t), {}) for method in t.experiment.methods]
    if any(regulariser.compares_with() == "initial" for regulariser in t.experiment.regularisers):
        t.initial = {name: p.clone() for name, p in _trainable(t).items()}


def apply_methods(t: Training) -> dict[str, Tensor | float]:
    """Let every method that is due act, and report what it changed as `method/...`."""
    metrics: dict[str, Tensor | float] = {}
    for index in due_methods(t):
        with t.shares.rare("methods"):
            metrics |= _act(t, index, t.experiment.methods[index])
    return metrics


def due_methods(t: Training) -> list[int]:
    """The places of the methods that act after the step that was counted last."""
    between = t.steps_a_stage is not None and t.step % t.steps_a_stage == 0 and t.step != t.steps
    tasks_done = t.step // t.steps_a_stage if t.steps_a_stage and between else None
    return [index for index, method in enumerate(t.experiment.methods) if method.due(t.step, tasks_done)]


def _act(t: Training, index: int, method: Method) -> dict[str, Tensor | float]:
    weights, state = _trainable(t), optimiser_state(t)
    change = method.change(weights, state, t.method_statistics[index], _draws(t, index), {})
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

    return Draws(generator, lambda: fresh_weights(t, "resets", index, t.step))


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


def measure_probes(t: Training, phase: str, update: int) -> dict[str, Tensor | float]:
    """The measures of every probe of this phase that is due at this update (the first is 1)."""
    due = [p for p in t.experiment.probes if p.phase == phase and p.due(update, t.steps or 0)]
    if not due:
        return {}
    metrics: dict[str, Tensor | float] = {}
    with t.shares.rare("probes"), torch.no_grad():
        inputs = tuple(tensor.to(t.device) for tensor in t.task.held_out_inputs(PROBE_ROWS))
        t.model.eval()
        for probe in due:
            seed_generators(t.experiment.seed, "probes", update)
            metrics |= probe.measure(t.model, inputs)
        t.model.train()
    return metrics
