"""Training of small models with several updates in one call, beside one update a call and a bare PyTorch loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from tempfile import TemporaryDirectory
from typing import Any

from seqlab.bench import Options, Row
from seqlab.bench.shared.bare_loop import BareLoop
from seqlab.bench.shared.clock import WARM_UP, step_seconds
from seqlab.bench.shared.subjects import perceptron, perceptrons
from seqlab.bench.shared.temporarily import temporarily
from seqlab.bench.shared.timing import Timing, ratio
from seqlab.channels.mlp import MLP as FeedForward
from seqlab.experiment import Batching, Budget, Evaluation, Experiment, Snapshots
from seqlab.mixers.attention import Attention
from seqlab.mixers.dln import DLN
from seqlab.models import Block
from seqlab.models.lm import LM
from seqlab.models.tiled import Tiled
from seqlab.optim.optimisers.adam import Adam
from seqlab.optim.optimisers.adamw import AdamW
from seqlab.tasks.autoencode import Autoencode
from seqlab.tasks.text import Text
from seqlab.train.recorded import choice
from seqlab.train.recorded.choice import OneByOne, measured_gain
from seqlab.train.start import prepare

__all__ = ["measure"]

BARE_STEPS = 200
"""Of one sample of a bare loop, whose batches come again."""
A_CALL = 10
"""Updates: as many as there are from one metrics line to the next."""
HOWEVER_SHORT = {"LEAST_STEPS": 0, "LEAST_SECONDS": 0.0, "LEAST_GAIN": 0.0}
"""Several updates a call also where a run is short, or nothing is gained: that is what is measured."""
TARGET = 1.2
"""Of the perceptrons: the journal that asks for it noted a fifth of the time."""


def measure(options: Options) -> Iterator[Row]:
    """The whole training loop with a run folder, of several updates a call and of one, in turns with as many steps of a
    bare loop, eager and compiled: batches, updates, metrics lines and requests to stop are counted, but in bare loops,
    whose batches are ready; reading data, trying and compiling are not."""
    subjects = list(_experiments().items())
    if options.quick:
        name, (experiment, _) = subjects[0]
        yield from _compared(name, experiment, rounds=1, steps=WARM_UP + A_CALL, compiles=False)
        return
    for name, (experiment, steps) in subjects:
        yield from _compared(name, experiment, rounds=7, steps=steps, compiles=experiment.model == perceptron().model)


def _experiments() -> dict[str, tuple[Experiment, int]]:
    """What is trained, and for how many steps."""
    drawing = replace(
        perceptron(),
        task=Autoencode(path="card:fashion-small"),
        model=Tiled(dim=50, mixers=(DLN(),)),
        optim=Adam(lr=1e-3),
        batch=Batching(size=8),
    )
    block = Block(mixer=Attention(heads=2, dropout=0.1), channel=FeedForward(expansion=2.0), dropout=0.1)
    characters = replace(
        perceptron(),
        task=Text(path="card:sotu", symbols="characters", length=32),
        model=LM(dim=32, layers=(block,) * 2),
        optim=AdamW(lr=1e-3),
        clip=1.0,
    )
    return {
        **{name: (experiment, 1000) for name, experiment in perceptrons().items()},
        "DLN of 196 pixels, width 50": (drawing, 400),
        "GPT of 2 layers, width 32, dropout": (characters, 300),
    }


def _compared(what: str, experiment: Experiment, rounds: int, steps: int, *, compiles: bool) -> Iterator[Row]:
    experiment = replace(
        experiment,
        budget=Budget(steps=steps),
        evaluation=Evaluation(every_steps=steps, log_every_steps=A_CALL),
        snapshots=Snapshots(every_minutes=1e6),
    )
    with TemporaryDirectory(prefix="seqlab-bench-") as folder, temporarily(choice, **HOWEVER_SHORT):
        try:
            measured_gain(prepare(experiment, folder).training)
        except OneByOne as error:
            yield Row.failed(what, error, labels={})
            return
        ways = _ways(what, experiment, folder, compiles=compiles)
        samples: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(rounds):
            for name in list(ways)[:: 1 if number % 2 == 0 else -1]:
                samples[name].append(ways[name]())
    times = {name: Timing(tuple(taken)) for name, taken in samples.items()}
    yield _row(what, experiment, times)
    for name, timing in times.items():
        told: dict[str, Any] = {"ratio": ratio(times[SEVERAL], timing).median, "peer": name} if name != SEVERAL else {}
        yield timing.row(f"{what}: {name}", "ms an update", scale=1e3, **told)


SEVERAL, ONE = f"{A_CALL} updates a call", "one update a call"


def _ways(what: str, experiment: Experiment, folder: str, *, compiles: bool) -> dict[str, Callable[[], float]]:
    """Each gives its seconds an update."""
    several = replace(experiment, updates_per_call=A_CALL)
    like = prepare(experiment, folder).training
    ways: dict[str, Callable[[], float]] = {
        SEVERAL: lambda: step_seconds(what, several, folder),
        ONE: lambda: step_seconds(what, experiment, folder),
        "bare loop": BareLoop(like, steps=BARE_STEPS).block,
    }
    if compiles:
        compiled = BareLoop(like, steps=BARE_STEPS, compiled=True)
        compiled.block()
        ways["bare loop, compiled"] = compiled.block
    return ways


def _row(what: str, experiment: Experiment, times: Mapping[str, Timing]) -> Row:
    faster = ratio(times[ONE], times[SEVERAL])
    target = TARGET if experiment.model == perceptron().model else None
    return faster.row(what, "x faster", target=target, more_is_better=True)
