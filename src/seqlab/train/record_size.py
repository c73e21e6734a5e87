"""What probes that watch every step will write into the record, before the first step."""

from __future__ import annotations

from collections.abc import Mapping

from seqlab.nn.units import hidden_units
from seqlab.probes import Watcher
from seqlab.train.training import Training

__all__ = ["record_bytes", "record_forecast"]

NUMBER, NAME = 8, 6
"""Bytes of a number of five digits, and those of a name beside its letters."""


def record_forecast(t: Training) -> dict[int, tuple[int, int]]:
    """Of each such probe, by its place in the experiment: how often it looks, and the bytes of all its looks, at most.
    Nothing where the clock ends the run."""
    if t.steps is None:
        return {}
    weights = dict(t.model.named_parameters())
    widths = {name: layer.width(weights) for name, layer in hidden_units(t.model).items()}
    return {
        index: (_looks(probe, t.steps), record_bytes(probe, widths, t.steps))
        for index, probe in enumerate(t.experiment.probes)
        if isinstance(probe, Watcher)
    }


def record_bytes(probe: Watcher, widths: Mapping[str, int], steps: int) -> int:
    """Bytes of all looks of a probe in so many steps, at most. widths: the units of each layer."""
    numbers = probe.numbers_a_layer()
    each = sum(
        len(layer) + NAME + sum(len(name) + NAME + NUMBER * n for name, n in numbers.items()) for layer in widths
    )
    return _looks(probe, steps) * (each + probe.most_bytes(widths))


def _looks(probe: Watcher, steps: int) -> int:
    return -(-steps // probe.every_steps)
