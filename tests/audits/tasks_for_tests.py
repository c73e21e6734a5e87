"""Tasks of other shapes than a text, and how the tests audit them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from seqlab.audits import Finding
from seqlab.audits.shared.gate import chosen
from seqlab.audits.shared.subject import Subject
from seqlab.data.signature import Signature
from seqlab.experiment import Experiment
from seqlab.models import Model
from seqlab.tasks import Batch, PreparedTask, Task
from seqlab.train.start import prepare

SYMBOLS, LENGTH, CLASSES = 12, 16, 4


def finding(name: str, experiment: Experiment) -> Finding:
    """What one audit finds about an experiment before training."""
    return chosen([name])[name].examine(Subject(prepare(experiment).training))


class Recall(Task):
    """Rows of random symbols; at the end, the symbol that followed the first one is asked for."""

    loss_everywhere: bool = False
    """Score what comes next at every position, but the accuracy at the last one alone."""

    def prepare(self) -> PreparedTask:
        return PreparedRecall(self)


class PreparedRecall(PreparedTask):
    metrics = ("loss", "accuracy")
    forward_only = True
    row_tokens = LENGTH
    signature = Signature(vocabulary=SYMBOLS, length=LENGTH)

    def __init__(self, spec: Recall) -> None:
        self.fingerprints = {}
        self.everywhere = spec.loss_everywhere

    def rows(self, seed: int, count: int) -> tuple[Tensor, Tensor]:
        """Inputs (count, L) and the answers at their last position (count,)."""
        rows = torch.as_tensor(np.random.default_rng(seed).integers(SYMBOLS, size=(count, LENGTH)))
        rows[:, -1] = rows[:, 0]
        return rows, rows[:, 1]

    def batch(self, seed: int, step: int, size: int, stage: int = 0) -> Batch:
        inputs, answers = self.rows(1000 + step, size)
        scored = size * (LENGTH if self.everywhere else 1)
        return Batch({"inputs": inputs, "answers": answers}, scored, size * LENGTH, step * size / 1000)

    def scored(self, model: nn.Module, inputs: Tensor, answers: Tensor) -> tuple[Tensor, Tensor]:
        """Nats of every scored position, and whether the last one is right."""
        logits = model(inputs)
        targets = torch.cat([inputs[:, 1:], answers[:, None]], 1)
        hits = logits[:, -1].argmax(-1) == answers
        if not self.everywhere:
            logits, targets = logits[:, -1:], targets[:, -1:]
        return F.cross_entropy(logits.transpose(1, 2).float(), targets, reduction="none"), hits

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        nats, _ = self.scored(model, batch.tensors["inputs"], batch.tensors["answers"])
        return nats.sum(), {}

    def evaluate(self, model: nn.Module, split: str, *, subset: bool = False) -> dict[str, float]:
        with torch.no_grad():
            nats, hits = self.scored(model, *self.rows(1, 100))
        return {"loss": float(nats.mean()), "accuracy": float(hits.float().mean())}

    def held_out_inputs(self, rows: int) -> tuple[Tensor, ...]:
        return (self.rows(1, rows)[0],)

    def floors(self) -> dict[str, Any]:
        return {"chance": {"accuracy": 1 / SYMBOLS}}

    def check_batch(self, size: int) -> None:
        pass


class Pictures(Task):
    """Noisy pictures of four classes, each a row of numbers."""

    repeated: int = 0
    """How many of the 100 held-out pictures are in the training set."""

    def prepare(self) -> PreparedTask:
        return PreparedPictures(self)


class PreparedPictures(PreparedTask):
    metrics = ("loss", "accuracy")
    row_tokens = LENGTH
    signature = Signature(vocabulary=CLASSES, length=LENGTH)

    def __init__(self, spec: Pictures) -> None:
        self.fingerprints = {"pictures.npy": "0"}
        draw = np.random.default_rng(0)
        self.data = {name: draw.normal(size=(count, LENGTH)).astype("float32") for name, count in _SIZES.items()}
        self.labels = {name: draw.integers(CLASSES, size=count) for name, count in _SIZES.items()}
        self.data["train"][: spec.repeated] = self.data["val"][: spec.repeated]

    def examples(self, split: str) -> NDArray[Any] | None:
        return self.data[split]

    def batch(self, seed: int, step: int, size: int, stage: int = 0) -> Batch:
        places = (np.arange(size) + step * size) % 400
        inputs, labels = (torch.as_tensor(kept["train"][places]) for kept in (self.data, self.labels))
        return Batch({"pictures": inputs, "labels": labels}, size, size * LENGTH, (step + 1) * size / 400)

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        logits = model(batch.tensors["pictures"]).float()
        hits = (logits.argmax(-1) == batch.tensors["labels"]).sum()
        return F.cross_entropy(logits, batch.tensors["labels"], reduction="sum"), {"accuracy": hits}

    def evaluate(self, model: nn.Module, split: str, *, subset: bool = False) -> dict[str, float]:
        with torch.no_grad():
            logits = model(torch.as_tensor(self.data[split])).float()
        labels = torch.as_tensor(self.labels[split])
        hits = logits.argmax(-1) == labels
        return {"loss": float(F.cross_entropy(logits, labels)), "accuracy": float(hits.float().mean())}

    def held_out_inputs(self, rows: int) -> tuple[Tensor, ...]:
        return (torch.as_tensor(self.data["val"][:rows]),)

    def floors(self) -> dict[str, Any]:
        return {"majority": {"accuracy": 0.3}}

    def check_batch(self, size: int) -> None:
        pass


_SIZES = {"train": 400, "val": 100}


class Classifier(Model):
    """One linear over the whole row."""

    def build(self, signature: Signature) -> nn.Module:
        return nn.Linear(signature.length, signature.vocabulary)

    def card(self, model: nn.Module) -> dict[str, Any]:
        return {}


def recall(tiny: Experiment, **settings: Any) -> Experiment:
    return replace(tiny, task=Recall(**settings))


def pictures(tiny: Experiment, **settings: Any) -> Experiment:
    return replace(tiny, task=Pictures(**settings), model=Classifier())
