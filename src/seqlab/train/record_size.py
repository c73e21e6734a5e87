"""What probes will write into the record, before the first step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from seqlab.nn.units import hidden_units
from seqlab.probes import Measures, Probe, Watcher
from seqlab.train.interventions import PROBE_ROWS, measured
from seqlab.train.training import Training

__all__ = ["record_bytes", "record_forecast"]

NUMBER, NAME = 8, 6
"""Bytes of a number of five digits, and those of a name beside its letters."""


def record_forecast(t: Training) -> dict[int, tuple[int, int]]:
    """Of each probe, by its place in the experiment: how often it looks, and the bytes of all its looks. Of one that
    watches every step, at most; of another, of the model as it is. Leaves the training as it was. Nothing where the
    clock ends the run."""
    if t.steps is None:
        return {}
    weights = dict(t.model.named_parameters())
    widths = {name: layer.width(weights) for name, layer in hidden_units(t.model).items()}
    found = {}
    for index, probe in enumerate(t.experiment.probes):
        looks = _looks(probe, t.steps)
        if isinstance(probe, Watcher):
            found[index] = looks, record_bytes(probe, widths, t.steps)
        else:
            found[index] = looks, looks * _look_bytes(t, probe)
    return found


def record_bytes(probe: Watcher, widths: Mapping[str, int], steps: int) -> int:
    """Bytes of all looks of a probe in so many steps, at most. widths: the units of each layer."""
    numbers = probe.numbers_a_layer()
    each = sum(
        len(layer) + NAME + sum(len(name) + NAME + NUMBER * n for name, n in numbers.items()) for layer in widths
    )
    return _looks(probe, steps) * (each + probe.most_bytes(widths))


def _looks(probe: Probe, steps: int) -> int:
    return -(-steps // probe.every_steps)


def _look_bytes(t: Training, probe: Probe) -> int:
    """Bytes of one look: how many numbers there are does not depend on what they are."""
    parameters = dict(t.model.named_parameters())
    inputs = tuple(tensor.to(t.device) for tensor in t.task.held_out_inputs(PROBE_ROWS))
    gradients = {name: parameter.grad for name, parameter in parameters.items()}
    before, t.before_update = t.before_update, {name: p.detach() for name, p in parameters.items()}
    try:
        for parameter in t.weights.trainable.values():
            parameter.grad = torch.zeros_like(parameter)
        with torch.random.fork_rng(devices=[]):
            return _bytes(measured(t, probe, inputs, 0))
    finally:
        t.before_update = before
        for name, parameter in parameters.items():
            parameter.grad = gradients[name]


def _bytes(measures: Measures) -> int:
    return sum(len(name) + NAME + _value_bytes(value) for name, value in measures.items())


def _value_bytes(value: Any) -> int:
    if isinstance(value, Mapping):
        return sum(len(name) + NAME + _value_bytes(one) for name, one in value.items())
    if isinstance(value, str):
        return len(value)
    return NUMBER * (len(value) if isinstance(value, list) else 1)
