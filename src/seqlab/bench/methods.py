"""Training steps of the vision transformer of 3 layers, batch 100, and what methods and the observer add to them."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from tempfile import TemporaryDirectory

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
WARM_UP, BLOCK = 3, 5


def measure(options: Options) -> list[Row]:
    """Whole steps (data, passes, Adam, method or probe), blocks of a plain training and of each other one in turn; a
    method is compared with the plain block before it."""
    names = ["plain", *list(METHODS)[: 1 if options.quick else None], *OBSERVERS]
    rounds = 1 if options.quick else 7
    with TemporaryDirectory(prefix="seqlab-bench-") as folder:
        trainings = [_begun(_experiment(name), folder) for name in names]
    steps = [_Steps(t) for t in trainings]
    for each in steps:
        each.block(1 if options.quick else WARM_UP)
    samples: list[list[tuple[float, float]]] = [[] for _ in names]
    for _, (each, found) in itertools.product(range(rounds), list(zip(steps, samples, strict=True))[1:]):
        count = 1 if options.quick else BLOCK
        found.append((steps[0].block(count), each.block(count)))
    plain = [seconds for found in samples for seconds, _ in found]
    speed = Timing(tuple(1 / seconds for seconds in plain)).row(
        "vit_l3, batch 100", "steps/s", target=STEPS_A_SECOND, more_is_better=True
    )
    return [speed, *(_added(name, found) for name, found in zip(names[1:], samples[1:], strict=True))]


def _experiment(name: str) -> Experiment:
    """Two tasks of 120 steps, so that a method may act between them."""
    block = Block(mixer=Attention(heads=3, causal=False, bias=True), channel=MLP(activation="relu"), norm=LayerNorm())
    return Experiment(
        task=Gaussians(shape=(3, 32, 32), classes=2, separation=30.0, training=1200, validation=200, tasks=2),
        model=ViT(dim=48, layers=(block,) * 3, patch=4),
        optim=Adam(lr=1e-3, eps=1e-7),
        schedule=Constant(),
        batch=Batching(size=100),
        clip=None,
        budget=Budget(steps=120),
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

    def block(self, count: int) -> float:
        """Seconds a step."""
        start = time.perf_counter()
        for _ in range(count):
            optimiser_step(self._t)
            apply_methods(self._t)
            measure_probes(self._t, "after_update", self._t.step)
        return (time.perf_counter() - start) / count


def _added(name: str, found: Sequence[tuple[float, float]]) -> Row:
    plain, ours = (Timing(tuple(column)) for column in zip(*found, strict=True))
    target, also = (METHODS | OBSERVERS)[name][1], {"ms a step": 1e3 * ours.median}
    return overhead(ours, plain, "plain", what=f"{name} over plain", unit="% over plain", target=target, also=also)
