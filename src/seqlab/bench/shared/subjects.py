"""The experiments whose training is measured: those handed in, and larger transformers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from seqlab.bench import Options
from seqlab.channels.swiglu import SwiGLU
from seqlab.data import DataError
from seqlab.experiment import Batching, Budget, Experiment
from seqlab.mixers.attention import Attention
from seqlab.models import Block
from seqlab.models.lm import LM
from seqlab.models.mlp import MLP
from seqlab.optim.optimisers.adam import Adam
from seqlab.optim.optimisers.sgd import SGD
from seqlab.optim.schedules.constant import Constant
from seqlab.tasks.gaussians import Gaussians
from seqlab.tasks.text import Text

__all__ = ["perceptron", "perceptrons", "subjects", "transformer"]

STAND_IN = "card:sotu"
"""The text, shipped with seqlab, that stands in for one that is not here: shapes alone decide the time of a step."""


def subjects(options: Options, **larger: Experiment) -> dict[str, Experiment]:
    """The experiments of the options, each on a text that is on this machine, and the larger ones; when it must be
    quick, a tiny one in place of all."""
    if options.quick:
        return {"tiny": transformer(dim=16, layers=1, length=16, rows=2)}
    return {name: _on_a_text(experiment, options.path) for name, experiment in options.experiments.items()} | larger


def _on_a_text(experiment: Experiment, path: Path | None) -> Experiment:
    if not isinstance(experiment.task, Text):
        return experiment
    try:
        experiment.task.prepare()
    except DataError:
        return replace(experiment, task=replace(experiment.task, path=str(path or STAND_IN)))
    return experiment


def transformer(dim: int, layers: int, length: int = 256, rows: int = 8) -> Experiment:
    """A transformer over bytes with rotary heads of width 64 and SwiGLU, trained by AdamW."""
    block = Block(mixer=Attention(heads=max(1, dim // 64), position="rotary"), channel=SwiGLU())
    return Experiment(
        task=Text(path=STAND_IN, length=length, validation=0.005),
        model=LM(dim=dim, layers=(block,) * layers),
        batch=Batching(size=rows),
        budget=Budget(steps=1000),
    )


def perceptron() -> Experiment:
    """The perceptron of permuted MNIST (784-100-100-10, batch 16, SGD) on made classes; its step is calls above all."""
    return Experiment(
        task=Gaussians(training=10_000, validation=100),
        model=MLP(widths=(100, 100)),
        optim=SGD(lr=0.03),
        schedule=Constant(),
        batch=Batching(size=16),
        clip=None,
        budget=Budget(steps=1),
        precision="float32",
    )


def perceptrons() -> dict[str, Experiment]:
    """It by plain SGD, and by Adam with clipping."""
    return {
        "MLP 784-100-100-10, SGD": perceptron(),
        "MLP 784-100-100-10, Adam, clipped": replace(perceptron(), optim=Adam(lr=1e-3), clip=1.0),
    }
