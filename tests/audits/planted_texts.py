"""Texts with one thing wrong, each as somebody else may have written it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqlab.spec import Part
from seqlab.tasks import Batch
from seqlab.tasks.text import PreparedText, Text

Metrics = dict[str, float]


class Planted(Text):
    """A text whose prepared form is the class of that name."""

    fault: str

    def prepare(self) -> PreparedText:
        return FAULTS[self.fault](self)


def planted(text: Part, fault: Callable[..., PreparedText]) -> Planted:
    """The text, with a fault."""
    assert isinstance(text, Text)
    return Planted(fault=fault.__name__, **{name: value for name, value in vars(text).items() if name[0] != "_"})


class Twice(PreparedText):
    """The data shifts, and the loss shifts again."""

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        logits = model(batch.tensors["inputs"])[:, :-1].float()
        targets = batch.tensors["targets"][:, 1:]
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum"), {}


class Backwards(PreparedText):
    """Each symbol predicts the one before it."""

    def batch(self, seed: int, step: int, size: int, stage: int = 0) -> Batch:
        batch = super().batch(seed, step, size, stage)
        before = torch.roll(batch.tensors["inputs"], 1, 1)
        return replace(batch, tensors={"inputs": batch.tensors["inputs"], "targets": before})


class Shuffled(PreparedText):
    """The targets are those of another batch."""

    def batch(self, seed: int, step: int, size: int, stage: int = 0) -> Batch:
        batch = super().batch(seed, step, size, stage)
        other = super().batch(seed + 1, step, size, stage)
        return replace(batch, tensors={"inputs": batch.tensors["inputs"], "targets": other.tensors["targets"]})


class InPlace(PreparedText):
    """The targets are cut from the wrong tensor, in the loss."""

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        inputs = batch.tensors["inputs"]
        return F.cross_entropy(model(inputs).float().transpose(1, 2), inputs, reduction="sum"), {}


class EvaluatedInPlace(PreparedText):
    """Training is right, evaluation scores the inputs."""

    def _score(self, model: nn.Module, rows: Tensor, scored: Tensor) -> np.ndarray:
        inputs = rows[:, :-1]
        with torch.no_grad():
            logits = model(inputs).float()[scored]
        nats = F.cross_entropy(logits, inputs[scored], reduction="sum")
        hits = (logits.argmax(-1) == inputs[scored]).sum()
        return np.array([float(nats), float(hits), len(logits), len(logits), 0.0])


class EvaluatedAtRandom(PreparedText):
    """Evaluation scores shuffled targets."""

    def _score(self, model: nn.Module, rows: Tensor, scored: Tensor) -> np.ndarray:
        with torch.no_grad():
            logits = model(rows[:, :-1]).float()[scored]
        targets = torch.flip(rows[:, 1:], (0, 1))[scored]
        nats = F.cross_entropy(logits, targets, reduction="sum")
        return np.array([float(nats), float((logits.argmax(-1) == targets).sum()), len(logits), len(logits), 0.0])


class OverClasses(PreparedText):
    """A cross-entropy written out, and averaged over the classes too."""

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        logs = model(batch.tensors["inputs"]).float().log_softmax(-1)
        wanted = F.one_hot(batch.tensors["targets"], self.signature.vocabulary)
        return -(wanted * logs).mean() * batch.tensors["targets"].numel(), {}


class MeanAgain(PreparedText):
    """The mean, which the loop divides by the count once more."""

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        loss, others = super().loss(model, batch)
        return loss / batch.scored, others


class SoftmaxTwice(PreparedText):
    """The softmax is applied, and cross_entropy applies it again."""

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        probabilities = model(batch.tensors["inputs"]).float().softmax(-1)
        return F.cross_entropy(probabilities.flatten(0, 1), batch.tensors["targets"].flatten(), reduction="sum"), {}


class Clipped(PreparedText):
    """A healthy cross-entropy, written out and clipped."""

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        probabilities = model(batch.tensors["inputs"]).float().softmax(-1)
        wanted = F.one_hot(batch.tensors["targets"], self.signature.vocabulary)
        return -(wanted * torch.log(probabilities.clamp(min=1e-10))).sum(), {}


class Scaled(PreparedText):
    """What evaluation returns, changed by `changed`."""

    def evaluate(self, model: nn.Module, split: str, *, subset: bool = False) -> Metrics:
        metrics = super().evaluate(model, split, subset=subset)
        return metrics | self.changed(metrics)

    def changed(self, metrics: Metrics) -> Metrics:
        raise NotImplementedError


class InBits(Scaled):
    def changed(self, metrics: Metrics) -> Metrics:
        return {"loss": metrics["loss"] / math.log(2)}


class OverVocabulary(Scaled):
    def changed(self, metrics: Metrics) -> Metrics:
        return {"loss": metrics["loss"] / 256}


class Summed(Scaled):
    def changed(self, metrics: Metrics) -> Metrics:
        return {"accuracy": metrics["accuracy"] * metrics["symbols"]}


class WrongCount(Scaled):
    def changed(self, metrics: Metrics) -> Metrics:
        return {"accuracy": metrics["accuracy"] / 2}


class WrongBits(Scaled):
    def changed(self, metrics: Metrics) -> Metrics:
        return {"bits_per_byte": metrics["loss"]}


class WrongPerplexity(Scaled):
    def changed(self, metrics: Metrics) -> Metrics:
        return {"perplexity": 2 ** metrics["loss"]}


class AgainstInputs(PreparedText):
    """The accuracy compares predictions with the inputs."""

    def _score(self, model: nn.Module, rows: Tensor, scored: Tensor) -> np.ndarray:
        totals = super()._score(model, rows, scored)
        with torch.no_grad():
            totals[1] = float((model(rows[:, :-1]).argmax(-1) == rows[:, :-1])[scored].sum())
        return totals


class Rolled(PreparedText):
    """The targets are the inputs, rolled: the last one is the row's first symbol."""

    def batch(self, seed: int, step: int, size: int, stage: int = 0) -> Batch:
        batch = super().batch(seed, step, size, stage)
        inputs = batch.tensors["inputs"]
        return replace(batch, tensors={"inputs": inputs, "targets": torch.roll(inputs, -1, 1)})


class AlongTime(PreparedText):
    """The argmax is along the time axis."""

    def _score(self, model: nn.Module, rows: Tensor, scored: Tensor) -> np.ndarray:
        totals = super()._score(model, rows, scored)
        with torch.no_grad():
            best = model(rows[:, :-1]).argmax(1)[:, : rows.shape[1] - 1]
        totals[1] = float((best == rows[:, 1 : best.shape[1] + 1])[scored[:, : best.shape[1]]].sum())
        return totals


class FlatInTraining(PreparedText):
    """The training loss returns an accuracy whose argmax has no axis."""

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        loss, _ = super().loss(model, batch)
        hits = model(batch.tensors["inputs"]).argmax() == batch.tensors["targets"]
        return loss, {"accuracy": hits.sum()}


class Smoothed(PreparedText):
    """A healthy training loss whose targets are smoothed, with the accuracy beside it."""

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        logits, targets = model(batch.tensors["inputs"]).float().flatten(0, 1), batch.tensors["targets"].flatten()
        loss = F.cross_entropy(logits, targets, reduction="sum", label_smoothing=0.1)
        return loss, {"accuracy": (logits.argmax(-1) == targets).float().sum()}


class SmoothedAndMiscounted(Smoothed):
    """The same, and the accuracy is 9 in 10 of what it is."""

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        loss, others = super().loss(model, batch)
        return loss, {"accuracy": 0.9 * others["accuracy"]}


class TrainsWhileEvaluating(PreparedText):
    """Evaluation takes a step."""

    def evaluate(self, model: nn.Module, split: str, *, subset: bool = False) -> Metrics:
        with torch.no_grad():
            next(model.parameters()).mul_(0.999)
        return super().evaluate(model, split, subset=subset)


class Wandering(PreparedText):
    """Each evaluation scores windows of its own."""

    def _evaluation_windows(self, split: str, subset: bool) -> tuple[np.ndarray, np.ndarray]:
        starts, first = super()._evaluation_windows(split, subset)
        chosen = torch.randperm(len(starts))[:2].numpy()
        return starts[chosen], first[chosen]


class InnerTraining(PreparedText):
    """Only the blocks are put into training mode."""

    def evaluate(self, model: nn.Module, split: str, *, subset: bool = False) -> Metrics:
        for child in model.children():
            child.train()
        return super().evaluate(model, split, subset=subset)


class WithGradients(PreparedText):
    """Evaluation that nobody put under no_grad."""

    def evaluate(self, model: nn.Module, split: str, *, subset: bool = False) -> Metrics:
        model(torch.zeros(1, 4, dtype=torch.int64))
        return super().evaluate(model, split, subset=subset)


class WholeText(PreparedText):
    """Training reads the whole text."""

    def __init__(self, spec: Text) -> None:
        super().__init__(spec)
        self.encoded["train"] = np.concatenate([self.encoded["train"], self.encoded["val"]])


class HalfAMirror(PreparedText):
    """Half of the held-out part is a copy of training text."""

    def __init__(self, spec: Text) -> None:
        super().__init__(spec)
        half = len(self.encoded["val"]) // 2
        self.encoded["val"] = np.concatenate([self.encoded["train"][100 : 100 + half], self.encoded["val"][half:]])


class WholeTextInBatches(PreparedText):
    """The split is right, and batches are drawn from elsewhere."""

    def batch(self, seed: int, step: int, size: int, stage: int = 0) -> Batch:
        whole = np.concatenate([self.encoded["train"], self.encoded["val"]])
        starts = np.random.default_rng((seed, step)).integers(len(whole) - self.spec.length - 1, size=size)
        rows = torch.from_numpy(whole[starts[:, None] + np.arange(self.spec.length + 1)].astype(np.int64))
        batch = super().batch(seed, step, size, stage)
        return replace(batch, tensors={"inputs": rows[:, :-1], "targets": rows[:, 1:]})


class EvaluatesTraining(PreparedText):
    """The held-out numbers are taken on the training part."""

    def _rows(self, name: str, starts: np.ndarray, length: int) -> Tensor:
        return super()._rows("train", starts, length)


class Unlisted(WholeText):
    """The same as `WholeText`, and the task does not show its splits."""

    def examples(self, split: str) -> None:  # type: ignore[override]
        return None


class HealthyUnlisted(PreparedText):
    """A healthy text that does not show its splits."""

    def examples(self, split: str) -> None:  # type: ignore[override]
        return None


FAULTS = {name: value for name, value in vars().items() if isinstance(value, type) and issubclass(value, PreparedText)}
