"""Throughput of runs that are packed into one program, as a multiple of that of one run after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from tempfile import TemporaryDirectory

from seqlab.bench import Interrupted, Options, Row
from seqlab.bench.shared.clock import WARM_UP, Clock, step_seconds
from seqlab.bench.shared.subjects import perceptron, perceptrons
from seqlab.bench.shared.temporarily import temporarily
from seqlab.bench.shared.timing import Timing
from seqlab.channels.mlp import MLP as FeedForward
from seqlab.experiment import Budget, Evaluation, Experiment, Snapshots
from seqlab.mixers.attention import Attention
from seqlab.models import Block
from seqlab.models.mlp import MLP
from seqlab.models.vit import ViT
from seqlab.nn.norms.layernorm import LayerNorm
from seqlab.optim.optimisers.adam import Adam
from seqlab.tasks.gaussians import Gaussians
from seqlab.train.packed import gain
from seqlab.train.packed.loop import Member, train_packed
from seqlab.train.start import prepare, record
from seqlab.train.watch import Watch

__all__ = ["measure"]

SEEDS = 5
TARGET = 3.0
"""Of the perceptron."""


def measure(options: Options) -> Iterator[Row]:
    """The whole training loop with run folders on both sides, in turns, from step 30 to the end: batches, updates,
    metrics lines and requests to stop are counted; reading data, tracing the program and the last numbers are not."""
    subjects = list(_experiments().items())
    if options.quick:
        name, (experiment, _) = subjects[0]
        yield _compared(name, experiment, rounds=1, steps=WARM_UP + 1)
        return
    for name, (experiment, steps) in subjects:
        yield _compared(name, experiment, rounds=5, steps=steps)


def _experiments() -> dict[str, tuple[Experiment, int]]:
    """What is packed, and for how many steps."""
    layer = Block(
        mixer=Attention(heads=3, causal=False, bias=True), channel=FeedForward(activation="relu"), norm=LayerNorm()
    )
    transformer = replace(
        perceptron(),
        task=Gaussians(shape=(3, 32, 32), classes=2, separation=30.0, training=1200, validation=100),
        model=ViT(layers=(layer,) * 3),
        optim=Adam(lr=1e-3),
    )
    return {
        **{name: (experiment, 400) for name, experiment in perceptrons().items()},
        "ViT of 3 layers, width 48, Adam": (transformer, 60),
    }


def _compared(what: str, experiment: Experiment, rounds: int, steps: int) -> Row:
    experiment = replace(
        experiment,
        budget=Budget(steps=steps),
        evaluation=Evaluation(every_steps=steps),
        snapshots=Snapshots(every_minutes=1e6),
    )
    seeds = [replace(experiment, seed=seed) for seed in range(SEEDS)]
    single, packed = [], []
    for _ in range(rounds):
        with TemporaryDirectory(prefix="seqlab-bench-") as folder:
            single.append(sum(step_seconds(what, each, folder) for each in seeds))
            packed.append(_step_seconds_packed(what, seeds, folder))
    faster = Timing(tuple(alone / together for alone, together in zip(single, packed, strict=True)))
    return faster.row(
        f"{what}, batch {experiment.batch.size}, {SEEDS} seeds",
        "x faster",
        target=TARGET if experiment.model == MLP() else None,
        more_is_better=True,
        also={"ms a step of all": 1e3 * Timing(tuple(packed)).median, "ms alone": 1e3 * Timing(tuple(single)).median},
    )


def _step_seconds_packed(what: str, experiments: Sequence[Experiment], folder: str) -> float:
    """Seconds in which every member takes a step."""
    clock = Clock()
    prepared = [prepare(experiment, folder) for experiment in experiments]
    watches = [clock, *(Watch() for _ in prepared[1:])]
    members = [Member(each.training, record(each), watch) for each, watch in zip(prepared, watches, strict=True)]
    with temporarily(gain, LEAST_GAIN=0.0):  # also where nothing is gained: that is what is measured
        for state in train_packed(members):
            if isinstance(state, Exception):
                raise state
            Interrupted.check(state, what)
    return clock.step_seconds
