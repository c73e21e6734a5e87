"""Continual learning: streams of classification tasks, and models that may lose the ability to learn them."""

from __future__ import annotations

from seqlab.experiment import Batching, Budget, Experiment
from seqlab.models.mlp import MLP
from seqlab.optim.optimisers.sgd import SGD
from seqlab.optim.schedules.constant import Constant
from seqlab.tasks.gaussians import Gaussians

__all__ = ["mlp_small"]


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
