"""What methods are expected to do, and what probes will write, before the first step: as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from seqlab.cli import render

if TYPE_CHECKING:
    from seqlab.train.training import Training

__all__ = ["print_expected", "print_record"]


def print_expected(t: Training) -> None:
    """Nothing where there is no method; else for each what its settings come to, and what it would do by layer."""
    from seqlab.train.interventions import distinct_names

    methods = t.experiment.methods
    for index, name in enumerate(distinct_names(methods)):
        render.heading(f"Method {name}: what to expect" + (" of the model as it is" if methods[index].of_units else ""))
        for line in _lines(t, index):
            click.echo(f"  {line}")


def print_record(t: Training) -> None:
    """Nothing where there is no probe; else how much each will write, of one that watches every step at most."""
    from seqlab.probes import Watcher
    from seqlab.spec import label
    from seqlab.train.record_size import record_forecast

    forecast = record_forecast(t)
    if forecast:
        render.heading("Record of the probes")
    for index, (looks, size) in forecast.items():
        probe = t.experiment.probes[index]
        told = f"{render.size(size)} at most" if isinstance(probe, Watcher) else f"about {render.size(size)}"
        click.echo(f"  {label(type(probe))}: {looks:,} look{'s' * (looks != 1)}, {told}")


def _lines(t: Training, index: int) -> Iterator[str]:
    from seqlab.train.foresight import foreseen

    method = t.experiment.methods[index]
    layers = foreseen(t, method)
    yield from method.expected(t.steps_a_stage, {layer.layer: layer.units for layer in layers})
    for layer in layers:
        yield (
            f"{layer.layer}: {layer.units} units, {layer.acts} acts reset {layer.share:.1%} of them in the mean, "
            f"{layer.largest} at most{f'; {layer.distinct} units at least once' if layer.distinct is not None else ''}"
        )
        if layer.thresholds is not None:
            least, median, most = (render.figure(value) for value in layer.thresholds)
            yield f"  thresholds after that: {least} to {most}, median {median}"
