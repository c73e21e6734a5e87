"""Training steps of the vision transformer of 3 layers, batch 100, and what methods and the observer add to them."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Sequence
from tempfile import TemporaryDirectory
from typing import NamedTuple

from seqlab.bench import Options, Row
from seqlab.bench.shared.timing import Timing, overhead
from seqlab.channels.mlp import MLP
from seqlab.experiment import Batching, Budget, Experiment
from seqlab.methods import Method
from seqlab.methods.cbp import CBP
from seqlab.methods.cbp_notebook import CBPNotebook
from seqlab.methods.redo import ReDo
from seqlab.methods.shrink_and_perturb import ShrinkAndPerturb
from seqlab.methods.snr import SNR
from seqlab.methods.snr_histogram import SNRHistogram
from seqlab.methods.snr_v2 import SNRV2
from seqlab.mixers.attention import Attention
from seqlab.models import Block
from seqlab.models.vit import ViT
from seqlab.nn.norms.layernorm import LayerNorm
from seqlab.optim.optimisers.adam import Adam
from seqlab.optim.schedules.constant import Constant
from seqlab.probes import Probe
from seqlab.probes.lifetimes import Lifetimes
from seqlab.tasks.gaussians import Gaussians
from seqlab.train.interventions import apply_methods, begin_interventions, measure_probes
from seqlab.train.start import prepare
from seqlab.train.step import optimiser_step
from seqlab.train.training import Training

__all__ = ["measure"]

STEPS_A_SECOND = 22.0
"""Wanted of two cores; PyTorch takes 15.5 eagerly and 18.7 compiled there."""
METHODS: dict[str, tuple[Method, float]] = {
    "snr": (SNR(), 5.0),
    "snr_histogram": (SNRHistogram(), 5.0),
    "snr_v2": (SNRV2(), 8.0),
    "cbp": (CBP(), 8.0),
    "cbp_notebook": (CBPNotebook(), 8.0),
    "redo": (ReDo(every_steps=60), 5.0),
    "shrink_and_perturb": (ShrinkAndPerturb(), 5.0),
}
"""With what each may add, in per cent."""
OBSERVERS: dict[str, tuple[Probe, float]] = {"lifetimes": (Lifetimes(every_steps=120), 3.0)}
STEPS_A_TASK = 120
ALONE, BLOCK = 20, 5
"""Blocks, and steps of each, of the plain training, before others begin: by turns they cost each other the caches."""
WARM_UP, ROUNDS = 3, STEPS_A_TASK
"""Steps; the rounds pass the end of the first task, a look of the observer, and two acts of `redo`."""


def measure(options: Options) -> list[Row]:
    """Whole steps (data, passes, Adam, method or probe): of a plain training alone, then one at a time, each beside a
    plain one."""
    names = [*list(METHODS)[: 1 if options.quick else None], *OBSERVERS]
    with TemporaryDirectory(prefix="seqlab-bench-") as folder:
        steps = {name: _Steps(_begun(_experiment(name), folder)) for name in ("plain", *names)}
    for each in steps.values():
        for _ in range(1 if options.quick else WARM_UP):
            each.take()
    alone = Timing(tuple(steps["plain"].rate() for _ in range(1 if options.quick else ALONE)))
    found: dict[str, list[Pair]] = {name: [] for name in names}
    for number, pair in itertools.product(range(1 if options.quick else ROUNDS), _pairs(names)):
        taken = {name: steps[name].take() for name in pair[:: 1 if number % 2 == 0 else -1]}
        bare = taken.pop("plain")
        for name, step in taken.items():
            found[name].append((step, bare))
    speed = alone.row("vit_l3, batch 100", "steps/s", target=STEPS_A_SECOND, more_is_better=True)
    return [speed, *(_added(name, pairs) for name, pairs in found.items())]


class Step(NamedTuple):
    """Seconds of one step."""

    whole: float
    own: float
    """Of them, those within the methods and the probes."""
    is_rare: bool
    """Whether there was an act, or a look, that does not come at every step."""


Pair = tuple[Step, Step]
"""Of a method's step and the plain one next to it."""


def _pairs(names: Sequence[str]) -> list[list[str]]:
    """Neighbours in time: a plain step between those of two methods serves both."""
    return [[names[place], "plain", *names[place + 1 : place + 2]] for place in range(0, len(names), 2)]


def _experiment(name: str) -> Experiment:
    """Two tasks, so that a method may act between them."""
    block = Block(mixer=Attention(heads=3, causal=False, bias=True), channel=MLP(activation="relu"), norm=LayerNorm())
    return Experiment(
        task=Gaussians(shape=(3, 32, 32), classes=2, separation=30.0, training=1200, validation=200, tasks=2),
        model=ViT(dim=48, layers=(block,) * 3, patch=4),
        optim=Adam(lr=1e-3, eps=1e-7),
        schedule=Constant(),
        batch=Batching(size=100),
        clip=None,
        budget=Budget(steps=STEPS_A_TASK),
        methods=(METHODS[name][0],) if name in METHODS else (),
        probes=(OBSERVERS[name][0],) if name in OBSERVERS else (),
    )


def _begun(experiment: Experiment, folder: str) -> Training:
    t = prepare(experiment, folder).training
    begin_interventions(t)
    return t


class _Steps:
    """Steps of a training as the loop takes them, without its record."""

    def __init__(self, t: Training) -> None:
        self._t = t
        methods, probes = t.experiment.methods, t.experiment.probes
        cadences = [*(method.every_steps for method in methods), *(probe.every_steps for probe in probes)]
        self._every = [every or STEPS_A_TASK for every in cadences]

    def take(self) -> Step:
        own, start = self._own(), time.perf_counter()
        optimiser_step(self._t)
        apply_methods(self._t)
        measure_probes(self._t, "after_update", self._t.step)
        whole = time.perf_counter() - start
        is_rare = any(every > 1 and self._t.step % every == 0 for every in self._every)
        return Step(whole, self._own() - own, is_rare)

    def rate(self) -> float:
        """Steps a second, of a block."""
        return BLOCK / sum(self.take().whole for _ in range(BLOCK))

    def _own(self) -> float:
        return self._t.shares.seconds["methods"] + self._t.shares.seconds["probes"]


def _added(name: str, pairs: Sequence[Pair]) -> Row:
    """The median says what a usual step takes more. What comes now and then (an act every 60 steps, a look) is beyond
    it, and is added by its own clock, spread over all steps."""
    rare = sum(ours.own for ours, _ in pairs if ours.is_rare) / len(pairs)
    own = statistics.median(ours.own for ours, _ in pairs) + rare
    ours, plain = Timing(tuple(step.whole + rare for step, _ in pairs)), Timing(tuple(bare.whole for _, bare in pairs))
    target, also = (METHODS | OBSERVERS)[name][1], {"ms a step": 1e3 * ours.median, "ms its own": 1e3 * own}
    return overhead(ours, plain, "plain", what=f"{name} over plain", unit="% over plain", target=target, also=also)
