"""The siblings of the Long Range Arena: long convolutions on data that can be had or made.

Their kernels start as exponentials that forget at different speeds (arXiv 2302.06646, the row "exp init + squash"), and
each layer but those of the reviews has one kernel for each feature, with batch norm before it and no channel mixer.
"""

from __future__ import annotations

from seqlab.experiment import Batching, Budget, Experiment
from seqlab.filters.explicit import Explicit
from seqlab.filters.short import Short
from seqlab.mixers.longconv import LongConv
from seqlab.models import Block
from seqlab.models.classifier import Classifier
from seqlab.nn.inits.normal import Normal
from seqlab.nn.norms.batchnorm import BatchNorm
from seqlab.optim.optimisers.adamw import AdamW
from seqlab.optim.schedules.cosine import Cosine
from seqlab.tasks import Task
from seqlab.tasks.images import Images
from seqlab.tasks.listops import ListOps
from seqlab.tasks.news_pairs import NewsPairs
from seqlab.tasks.pathfinder import Pathfinder
from seqlab.tasks.reviews import Reviews

__all__ = [
    "lra_aan_small",
    "lra_fashion_small",
    "lra_imdb_small",
    "lra_listops_small",
    "lra_pathfinder_small",
    "lra_pathx_small",
]


def lra_listops_small() -> Experiment:
    """The sibling of hyena:lra_listops: expressions of 50 to 200 symbols.

    Command: seqlab run hyena:lra_listops_small
    Expected: an accuracy 15 points above that of the most frequent digit (`majority`) after 600 steps, a minute of one
    core's work (docs/hyena.md).
    """
    task = ListOps(shortest=50, longest=200, training=40_000)
    return _small(task, _long(), layers=4, lr=5e-3, steps=1000)


def lra_imdb_small() -> Experiment:
    """The sibling of hyena:lra_imdb: the first 1,024 bytes of each review, by convolutions of 8 taps.

    Command: seqlab run hyena:lra_imdb_small
    Data: seqlab data get imdb.
    Expected: an accuracy above 0.75 (docs/arena_shown.md). Kernels as long as the text learn the reviews by heart.
    """
    short = LongConv(channels=2, filter=Short(taps=8))
    return _small(Reviews(path="card:imdb", length=1024), short, layers=2, lr=2e-3, steps=1500, dropout=0.1)


def lra_aan_small() -> Experiment:
    """The sibling of hyena:lra_aan: are two articles of one outlet? 512 bytes of each.

    Command: seqlab run hyena:lra_aan_small
    Data: seqlab data get news, a stand-in: the papers of the ACL Anthology are in no package registry.
    Expected: an accuracy above chance, 0.5; a quarter of an hour on 2 cores.
    """
    return _small(NewsPairs(path="card:news", length=512), _long(), layers=2, lr=5e-3, steps=1500)


def lra_fashion_small() -> Experiment:
    """The sibling of hyena:lra_cifar: Fashion-MNIST as 784 grey pixels, line by line.

    Command: seqlab run hyena:lra_fashion_small
    Data: seqlab data get fashion-mnist. In a random order of the pixels: task.change=pixels.
    Expected: an accuracy above 0.84, that of logistic regression, after 1,200 steps (docs/arena_shown.md).
    """
    return _small(Images(path="card:fashion-mnist"), _long(bidirectional=True), layers=4, lr=5e-3, steps=3000)


def lra_pathfinder_small() -> Experiment:
    """The sibling of hyena:lra_pathfinder: 60,000 training images of the easiest level, width 32.

    Command: seqlab run hyena:lra_pathfinder_small
    Expected: an accuracy above 0.60, where chance is 0.5. A fork takes it to the hard level (docs/arena_shown.md).
    """
    task = Pathfinder(contour=6, training=60_000, validation=2000, test=2000)
    return _small(task, _long(bidirectional=True), dim=32, layers=4, lr=4e-3, steps=1500)


def lra_pathx_small() -> Experiment:
    """The sibling of hyena:lra_pathx: 1,000 training images of 128 pixels, to see it run rather than learn.

    Command: seqlab run hyena:lra_pathx_small
    Expected: chance. Published models take hundreds of times as many images.
    """
    task = Pathfinder(size=128, training=1000, validation=100, test=100)
    return _small(task, _long(bidirectional=True), dim=16, layers=2, lr=5e-4, steps=100, batch=4)


def _long(bidirectional: bool = False) -> LongConv:
    return LongConv(channels=1, filter=Explicit(init="double_exp", squash=0.001), bidirectional=bidirectional)


def _small(
    task: Task,
    mixer: LongConv,
    *,
    layers: int,
    lr: float,
    steps: int,
    dim: int = 64,
    batch: int = 32,
    dropout: float = 0.0,
) -> Experiment:
    block = Block(mixer=mixer, channel=None, norm=BatchNorm(), dropout=dropout)
    return Experiment(
        task=task,
        model=Classifier(
            dim=dim,
            layers=(block,) * layers,
            norm=BatchNorm(),
            dropout=dropout,
            embedding_init=Normal(scale=1.0),
        ),
        optim=AdamW(lr=lr, weight_decay=0.05),
        schedule=Cosine(warmup=0.1),
        batch=Batching(size=batch),
        budget=Budget(steps=steps),
    )
