"""What methods of hidden units would do to a model that stayed as it is: shown before training, and audited.

Batches of the run go through the fresh model, over and over; the method observes and acts as it would, and its resets
are counted and not carried out. In training, units move, and thresholds with them: it is the place where they start.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from seqlab.data.streams import stream_seed
from seqlab.methods import Draws, Method
from seqlab.nn.units import hidden_units
from seqlab.train.training import Training
from seqlab.train.watching import Watching

__all__ = ["Foreseen", "foreseen"]

BATCHES = 4
"""Batches that are read, and then seen again and again."""
STEPS = 240
"""Steps that are foreseen; of a method that acts more seldom than that, three acts."""
NUMBERS = 2_000_000
"""Pre-activations that are kept of a batch, at most: of a larger one the first rows."""


@dataclass(frozen=True)
class Foreseen:
    """What becomes of a layer at the acts that are foreseen."""

    layer: str
    units: int
    """H."""
    acts: int
    events: int
    """Acts that reset a unit of the layer."""
    resets: int
    share: float
    """Of the layer's units that an act resets, in the mean of the later half, when thresholds have settled."""
    largest: int
    """Units that one act resets at most."""
    distinct: int | None
    """Units that are reset at least once, where the method remembers it."""
    thresholds: tuple[float, float, float] | None
    """Least, median and greatest threshold at the end, in the units of the method's ages, where it has any."""


def foreseen(t: Training, method: Method) -> list[Foreseen]:
    """What a method would do, by layer; nothing for a method of whole weights. Leaves the training as it was."""
    units = method.layers(hidden_units(t.model)) if method.of_units else {}
    if not units:
        return []
    weights = {name: p.detach() for name, p in t.weights.trainable.items()}
    counts: dict[str, list[int]] = {name: [] for name in units}
    statistics = method.begin(weights, units)
    batches = itertools.cycle(_activations(t, method)) if method.watches() else itertools.repeat({})
    generator = torch.Generator(t.device)
    for step, tasks in _steps(t, method):
        due = method.due(step, tasks)
        if method.watches(due):
            statistics = method.observe(statistics, next(batches), units)
        if due:
            generator.manual_seed(stream_seed(t.experiment.seed, "foresight", step))
            change = method.change(weights, {}, statistics, Draws(generator, lambda: weights), units)
            statistics = change.statistics
            for name in units:
                counts[name].append(int(change.report.get(f"units/{name}", 0)))
    return [_told(name, layer.width(weights), counts[name], statistics) for name, layer in units.items()]


def _steps(t: Training, method: Method) -> Iterator[tuple[int, int | None]]:
    """The steps that are foreseen, each with the tasks that are done then, if it ends one."""
    if method.every_steps is None:
        yield from ((task, task) for task in range(1, 4))
        return
    last = max(STEPS, 3 * method.every_steps)
    for step in range(1, min(last, t.steps or last) + 1):
        yield step, None


def _activations(t: Training, method: Method) -> list[dict[str, Tensor]]:
    """The pre-activations of some batches, of the layers on which a method acts."""
    units = hidden_units(t.model)
    watching = Watching(t.weights.worker, units, method.layers(units))
    found = []
    with t.weights.evaluated() as model, torch.no_grad(), torch.random.fork_rng(devices=[]):
        for index in range(BATCHES):
            rows = t.experiment.batch.size
            parts = t.next_batch(rows, skipped=index).parts(t.experiment.batch.accumulate)
            with watching.forward_pass():
                t.task.loss(model, parts[0])
            found.append({name: _first(values) for name, values in watching.taken().items()})
    watching.end()
    return found


def _first(values: Tensor) -> Tensor:
    return values[: max(1, NUMBERS // values[0].numel())]


def _told(name: str, units: int, each: list[int], statistics: dict[str, Tensor]) -> Foreseen:
    """each: the units that an act resets."""
    resets, threshold = statistics.get(f"resets/{name}"), statistics.get(f"threshold/{name}")
    quantiles = None
    if threshold is not None:
        least, median, most = threshold.double().quantile(threshold.new_tensor([0.0, 0.5, 1.0]).double()).tolist()
        quantiles = least, median, most
    later = each[len(each) // 2 :]
    return Foreseen(
        layer=name,
        units=units,
        acts=len(each),
        events=sum(count > 0 for count in each),
        resets=sum(each),
        share=sum(later) / (len(later) * units) if later else 0.0,
        largest=max(each, default=0),
        distinct=int((resets > 0).sum()) if resets is not None else None,
        thresholds=quantiles,
    )
