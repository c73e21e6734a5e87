"""The induction head and associative recall as HazyResearch/safari trains them."""

from __future__ import annotations

from dataclasses import replace

from seqlab.experiment import Batching, Budget, Experiment
from seqlab.filters.implicit import Implicit
from seqlab.mixers import Mixer
from seqlab.mixers.attention import Attention
from seqlab.mixers.h3 import H3
from seqlab.mixers.hyena import Hyena
from seqlab.mixers.s4d import S4D
from seqlab.optim.optimisers.adamw import AdamW
from seqlab.optim.schedules.cosine import Cosine
from seqlab.optim.schedules.wsd import WSD
from seqlab.recipes.hyena.models import Position, language_model
from seqlab.tasks import Task
from seqlab.tasks.associative_recall import AssociativeRecall
from seqlab.tasks.induction import Induction

__all__ = [
    "induction_h3",
    "induction_hyena",
    "induction_s4d",
    "induction_transformer",
    "recall_hyena",
    "recall_hyena_131k",
    "recall_transformer",
]


def induction_transformer() -> Experiment:
    """The induction head by attention: two layers of width 32, one head, learned positions.

    Source: HazyResearch/safari, configs/experiment/synthetics/induction_head: 400 epochs of 5,000 rows.

    Command: seqlab run hyena:induction_transformer
    Time: minutes on 2 cores. With `task.every_symbol=false` it learns in a fraction of the steps.
    Expected: val/accuracy above 0.97 (safari's README); chance is 1/18. Published: 1.00 (arXiv 2212.14052, table 1).
    """
    return _synthetic(Induction(), Attention(heads=1, bias=True, dropout=0.1), position="learned")


def induction_h3() -> Experiment:
    """The induction head by H3, as hyena:induction_transformer.

    Command: seqlab run hyena:induction_h3
    Time: minutes on 2 cores.
    Expected: val/accuracy above 0.97 (safari's README). Published: 1.00 (arXiv 2212.14052, table 1).
    """
    return _synthetic(Induction(), H3())


def induction_s4d() -> Experiment:
    """The induction head by S4D, which cannot compare symbols; as hyena:induction_transformer.

    Command: seqlab run hyena:induction_s4d
    Time: minutes on 2 cores.
    Expected: val/accuracy below attention's and H3's. Published: 0.356 (arXiv 2212.14052, table 1).
    """
    return _synthetic(Induction(), S4D())


def induction_hyena() -> Experiment:
    """The induction head by Hyena, as hyena:induction_transformer.

    Command: seqlab run hyena:induction_hyena
    Time: minutes on 2 cores.
    Expected: val/accuracy above 0.97; chance is 1/18. Published: none for this size.
    """
    return _synthetic(Induction(), _recall_hyena())


def recall_transformer() -> Experiment:
    """Associative recall by attention: 20 pairs, a vocabulary of 20.

    Source: HazyResearch/safari, configs/experiment/synthetics/associative_recall. Vocabulary 10, 10 pairs:
    task.vocabulary=10 task.length=20.

    Command: seqlab run hyena:recall_transformer
    Time: minutes on 2 cores.
    Expected: val/accuracy above 0.95. Published: 1.00 (arXiv 2212.14052, table 1).
    """
    return _recalling(Attention(heads=1, bias=True, dropout=0.1), position="learned")


def recall_hyena() -> Experiment:
    """Associative recall by Hyena, as hyena:recall_transformer; the sibling of hyena:recall_hyena_131k.

    Command: seqlab run hyena:recall_hyena
    Time: minutes on 2 cores.
    Expected: val/accuracy above 0.95. Published: 1.00 up to 64,000 symbols with a vocabulary of 30.
    """
    return _recalling(_recall_hyena())


def recall_hyena_131k() -> Experiment:
    """Associative recall over 131,072 symbols by Hyena: two layers of width 64, a vocabulary of 30.

    Source: arXiv 2302.10866, section 4.1; HazyResearch/safari, configs/experiment/synthetics/associative_recall.

    Command: seqlab run hyena:recall_hyena_131k
    Time: hours on one GPU. Here: hyena:recall_hyena. Lengths between: task.length=2048 and so on.
    Published: 0.972; safari's README expects above 0.90. FlashAttention at 65,536: 0.267.
    """
    task = AssociativeRecall(vocabulary=30, length=131_070, training=4000)
    model = language_model(64, 4.0, [_recall_hyena()] * 2)
    return replace(_recalling(_recall_hyena()), task=task, model=model, batch=Batching(size=16))


def _recall_hyena() -> Hyena:
    """Fixed positions of 5 features, frequency 10."""
    return Hyena(filter=Implicit(emb_dim=5, frequency=10.0, positions_lr=0.0))


def _synthetic(task: Task, mixer: Mixer, position: Position = "none") -> Experiment:
    """Safari's `lm_simple`: two layers of width 32, dropout of 0.1 on the embedding, 62,800 steps of 32 rows."""
    return Experiment(
        task=task,
        model=language_model(32, 4.0, [mixer] * 2, position=position),
        optim=AdamW(lr=5e-4, weight_decay=0.1, decay="all"),
        schedule=Cosine(warmup=0.1, min_ratio=0.1),
        batch=Batching(size=32),
        budget=Budget(steps=62_800),
        precision="float32",
    )


def _recalling(mixer: Mixer, position: Position = "none") -> Experiment:
    """200 epochs, a tenth of them warming up, then straight down to zero."""
    experiment = _synthetic(AssociativeRecall(), mixer, position)
    schedule = WSD(warmup=0.1, decay=0.9, shape="linear")
    return replace(experiment, schedule=schedule, budget=Budget(steps=31_400))
