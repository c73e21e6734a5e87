"""Continual learning: streams of classification tasks, and models that may lose the ability to learn them."""

from __future__ import annotations

from seqlab.channels.mlp import MLP as FeedForward
from seqlab.experiment import Batching, Budget, Experiment
from seqlab.mixers.attention import Attention
from seqlab.models import Block
from seqlab.models.mlp import MLP
from seqlab.models.vit import ViT
from seqlab.nn.norms.layernorm import LayerNorm
from seqlab.optim.optimisers.adam import Adam
from seqlab.optim.optimisers.sgd import SGD
from seqlab.optim.schedules.constant import Constant
from seqlab.tasks.gaussians import Gaussians

__all__ = ["mlp_small", "vit_l3", "vit_l12"]


def mlp_small() -> Experiment:
    """The small perceptron of permuted MNIST (784-100-100-10, batch 16, SGD), on made classes of the same shape.

    Sizes and steps a task: ajozefiak/SelfNormalizedResets, permuted MNIST: 10,000 images in batches of 16, each read
    once, 625 steps. The classes are Gaussian, so the best possible accuracy is known (`bayes` among the floors), and
    nothing is fetched. One task here; a stream is `task.tasks=100 task.change=pixels`.

    Command: seqlab run plasticity:mlp_small
    Expected: val/accuracy about 0.95 after one epoch, in seconds on 2 cores: below `nearest_mean`, which for classes of
    this kind needs fewest rows, and which is told.
    """
    return Experiment(
        task=Gaussians(shape=(1, 28, 28), classes=10, training=10_000),
        model=MLP(widths=(100, 100), activation="relu"),
        optim=SGD(lr=0.03),
        schedule=Constant(),
        batch=Batching(size=16),
        clip=None,
        budget=Budget(steps=625),
    )


def vit_l3() -> Experiment:
    """The vision transformer of continual ImageNet with 3 layers (90,530 parameters), on made pairs of classes.

    Model, optimiser and steps a task: ajozefiak/CL-transformers, CI-R1: two classes a task, 1,200 training images of
    3 x 32 x 32, batches of 100, 10 epochs, 120 steps; Adam with a constant rate. The classes are Gaussian, so nothing
    is fetched; a stream of new classes is `task.tasks=500`.

    Command: seqlab run plasticity:vit_l3
    Expected: val/accuracy about 0.99 after 120 steps, within a minute on 2 cores.
    """
    return _of_image_pairs(layers=3)


def vit_l12() -> Experiment:
    """The same with 12 layers of width 192 (5,361,218 parameters): depth and width grow together.

    Source: as `vit_l3`; the notebook trains it with the rates 1e-3 and 1e-4.

    Command: seqlab run plasticity:vit_l12 optim.lr=1e-4
    Expected: as `vit_l3`; a step takes some 20 times as long.
    """
    return _of_image_pairs(layers=12)


def _of_image_pairs(layers: int) -> Experiment:
    block = Block(
        mixer=Attention(heads=3, causal=False, bias=True),
        channel=FeedForward(expansion=4.0, activation="relu"),
        norm=LayerNorm(eps=1e-6),
    )
    return Experiment(
        task=Gaussians(shape=(3, 32, 32), classes=2, separation=30.0, training=1200, validation=200),
        model=ViT(dim=16 * layers, layers=(block,) * layers, patch=4, norm=LayerNorm(eps=1e-6)),
        optim=Adam(lr=1e-3, eps=1e-7),
        schedule=Constant(),
        batch=Batching(size=100),
        clip=None,
        budget=Budget(steps=120),
    )
