"""Continual learning: streams of classification tasks, and models that may lose the ability to learn them."""

from __future__ import annotations

from dataclasses import replace

from seqlab.channels.mlp import MLP as FeedForward
from seqlab.experiment import Batching, Budget, Evaluation, Experiment
from seqlab.mixers.attention import Attention
from seqlab.models import Block
from seqlab.models.classifier import Classifier
from seqlab.models.cnn import CNN
from seqlab.models.lm import LM
from seqlab.models.mlp import MLP
from seqlab.models.vit import ViT
from seqlab.nn.norms.layernorm import LayerNorm
from seqlab.optim.optimisers.adam import Adam
from seqlab.optim.optimisers.sgd import SGD
from seqlab.optim.schedules.constant import Constant
from seqlab.probes import Probe
from seqlab.probes.attention import Attention as AttentionSeen
from seqlab.probes.gradients import Gradients
from seqlab.probes.lifetimes import Lifetimes
from seqlab.probes.ranks import Ranks
from seqlab.probes.units import Units
from seqlab.probes.weight_norms import WeightNorms
from seqlab.tasks.articles import Articles
from seqlab.tasks.gaussians import Gaussians
from seqlab.tasks.images import Images
from seqlab.tasks.permuted_words import PermutedWords

__all__ = [
    "cnn",
    "mlp_small",
    "pairs",
    "pairs_small",
    "permuted",
    "random_labels",
    "texts",
    "vit_l3",
    "vit_l12",
    "words",
]


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


def pairs() -> Experiment:
    """Continual image pairs: each task tells two classes apart that no other task has, here those of Fashion-MNIST.

    As `vit_l3` but for the data: five pairs of the small images that ship with seqlab, 720 of each pair, patches of
    2 x 2. Full size: `task.path=card:fashion-mnist`, or a folder of CIFAR-100 or ImageNet-32, with `model.patch=4
    task.training=1200` and as many `task.tasks` as the classes allow.

    Command: seqlab run plasticity:pairs
    Expected: val_subset/accuracy above 0.9 at the end of most tasks, within two minutes on 2 cores.
    """
    task = Images(path="card:fashion-small", change="classes", classes=2, tasks=5)
    return replace(_of_image_pairs(layers=3), task=task, model=_transformer(layers=3, patch=2))


def pairs_small() -> Experiment:
    """A stream of pairs of Fashion-MNIST that a method goes through in seconds: 20 steps a task, 5 tokens an image.

    The model of `pairs` but for patches of 7 x 7, so a step takes a sixth of the time; 500 images a task in 4 epochs.
    Pairs may come again, as ten classes make five disjoint ones. Everything that is told of plasticity is recorded:
    accuracies before and after the update of each step, the test images of each task at its end, and once a task what
    the observer saw of all units, their activity, ranks, attention, weights and gradients.

    Command: seqlab run plasticity:pairs_small methods=cbp_notebook
    Expected: test_at_end_of_task/accuracy above 0.9 in most tasks, within a minute on 2 cores.
    """
    task = Images(path="card:fashion-small", change="classes", classes=2, tasks=10, repeats=True, training=500)
    return replace(
        _of_image_pairs(layers=3),
        task=task,
        model=_transformer(layers=3, patch=7),
        budget=Budget(steps=20),
        evaluation=Evaluation(log_every_steps=1, after_update=True, end_of_task=("test",)),
        probes=_observers(every_steps=20),
    )


def cnn() -> Experiment:
    """The convolutional network of continual ImageNet (3 convolutions, 2 hidden linears), on made pairs of classes.

    Model and optimiser: shibhansh/loss-of-plasticity, imagenet: SGD with momentum 0.9, rate 0.01, batches of 100; there
    250 epochs a task of 1,200 images and a head that is zeroed at each task, here 10 epochs, as `vit_l3`. A stream of
    new classes is `task.tasks=500`.

    Command: seqlab run plasticity:cnn
    Expected: val/accuracy above 0.95 after 120 steps, within a minute on 2 cores.
    """
    return replace(_of_image_pairs(layers=3), model=CNN(), optim=SGD(lr=0.01, momentum=0.9))


def permuted() -> Experiment:
    """Permuted images: each task shows all classes with an order of the pixels of its own.

    Source: ajozefiak/SelfNormalizedResets, permuted MNIST: 10,000 images in batches of 16, each read once, 500 tasks,
    here with three tasks of the small Fashion-MNIST that ships with seqlab. Full size: `task.path=card:mnist
    task.training=10000 task.tasks=500 budget.steps=625`.

    Command: seqlab run plasticity:permuted
    Expected: val_subset/accuracy above 0.6 at the end of each task, in seconds on 2 cores.
    """
    task = Images(path="card:fashion-small", change="pixels", tasks=3)
    return replace(mlp_small(), task=task, budget=Budget(steps=225))


def random_labels() -> Experiment:
    """Random labels: each task deals the labels among the same 1,200 images anew, to be learned by heart.

    Source: skumar9876/L2_Init, random-label MNIST: batches of 16, 400 epochs a task, 50 tasks; here one task of the
    small Fashion-MNIST. Nothing can be predicted of held-out images, so the audit of floors warns; the measure is
    train/accuracy. Full size: `task.path=card:mnist task.tasks=50 budget.steps=30000`.

    Command: seqlab run plasticity:random_labels
    Expected: train/accuracy above 0.9 after 6,000 steps (80 epochs), within a minute on 2 cores.
    """
    task = Images(path="card:fashion-small", change="labels", training=1200)
    return replace(mlp_small(), task=task, optim=Adam(lr=1e-3), budget=Budget(steps=6000))


def texts() -> Experiment:
    """Continual classification of texts: each task tells two newsrooms apart by their tweets; 3 layers of width 48.

    Model, rows and steps a task: ajozefiak/CL-transformers, continual classification of All The News: 512 texts of each
    of two publications, batches of 16, once through, 64 steps; the blocks of `vit_l3` behind a class token, learned
    positions. There articles in 512 tokens of GPT-2's, here tweets in 128 bytes, four of their 120 pairs
    (`task.tasks=120`). With the file: `task.path=all-the-news-2-1.csv task.symbols=tokenizer
    task.tokenizer=card:gpt2-tokenizer task.length=512 task.repeats=true task.tasks=500`.

    Command: seqlab data get health-tweets && seqlab run plasticity:texts
    Expected: train/accuracy above 0.6 in the mean, in minutes on 2 cores.
    """
    vit = _transformer(layers=3, patch=4)
    return Experiment(
        task=Articles(path="card:health-tweets", length=128, tasks=4),
        model=Classifier(dim=vit.dim, layers=vit.layers, head="class_token", norm=vit.norm, position="learned"),
        optim=Adam(lr=1e-3, eps=1e-7),
        schedule=Constant(),
        batch=Batching(size=16),
        clip=None,
        budget=Budget(steps=64),
        evaluation=Evaluation(log_every_steps=1),
    )


def words() -> Experiment:
    """Permuted Shakespeare: each task deals the words of one text anew; one layer of width 32 with two heads.

    Source: ajozefiak/SelfNormalizedResets, permuted Shakespeare at scale 1: 33,024 tokens of GPT-2's a task, batches of
    8 rows of 128, 100 epochs, 500 tasks, Adam with a rate of 1e-3. Here bytes of the addresses that ship with seqlab,
    and two tasks of 10 epochs. Full size: `task.path=card:t8-shakespeare task.symbols=tokenizer
    task.tokenizer=card:gpt2-tokenizer task.tasks=500 budget.steps=3200`; the source keeps those tokens alone that
    occur. Its submitted runs had no residual round the MLP, by accident.

    Command: seqlab run plasticity:words
    Expected: val/bits_per_byte of the last task near that of `bigram`, within a minute on 2 cores.
    """
    block = Block(
        mixer=Attention(heads=2, bias=True), channel=FeedForward(expansion=8.0, activation="relu"), norm=LayerNorm()
    )
    return Experiment(
        task=PermutedWords(tasks=2),
        model=LM(dim=32, layers=(block,), norm=LayerNorm(), position="learned"),
        optim=Adam(lr=1e-3),
        schedule=Constant(),
        batch=Batching(size=8),
        clip=None,
        budget=Budget(steps=320),
    )


def _observers(every_steps: int) -> tuple[Probe, ...]:
    """What the notebook's correlates are read from, looked at when a task of so many steps ends."""
    return (
        Lifetimes(every_steps=every_steps),
        Units(every_steps=every_steps),
        Ranks(every_steps=every_steps),
        AttentionSeen(every_steps=every_steps),
        WeightNorms(every_steps=every_steps, by="module"),
        Gradients(every_steps=every_steps),
    )


def _of_image_pairs(layers: int) -> Experiment:
    return Experiment(
        task=Gaussians(shape=(3, 32, 32), classes=2, separation=30.0, training=1200, validation=200),
        model=_transformer(layers, patch=4),
        optim=Adam(lr=1e-3, eps=1e-7),
        schedule=Constant(),
        batch=Batching(size=100),
        clip=None,
        budget=Budget(steps=120),
    )


def _transformer(layers: int, patch: int) -> ViT:
    block = Block(
        mixer=Attention(heads=3, causal=False, bias=True),
        channel=FeedForward(expansion=4.0, activation="relu"),
        norm=LayerNorm(eps=1e-6),
    )
    return ViT(dim=16 * layers, layers=(block,) * layers, patch=patch, norm=LayerNorm(eps=1e-6))
