"""Recall: rows that are made one by one, in which a few targets are answers that stand earlier in the row."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from seqlab.data import DataError
from seqlab.data.recall import IGNORED, Recall
from seqlab.data.signature import Signature
from seqlab.data.streams import numpy_stream
from seqlab.tasks import Batch, PreparedTask, at_least_float32

__all__ = ["PreparedRecall", "RecallSpec"]

EVALUATION_LOGITS = 2**24
"""Logits that one forward pass of an evaluation makes at most (but for a single row)."""
SUBSET_ROWS = 200
"""Rows of a held-out split that are scored during training: its first ones."""
SHOWN_SYMBOLS = 2**22
"""Symbols of a split that are shown, to be compared with another one; rows are made whenever they are read."""


class RecallSpec(Protocol):
    """What the spec of such a task says of its rows."""

    @property
    def vocabulary(self) -> int:
        """Number of symbols."""

    @property
    def training(self) -> int:
        """Training rows."""

    @property
    def validation(self) -> int:
        """Held-out rows."""

    @property
    def seed(self) -> int:
        """Of the rows."""


class PreparedRecall(PreparedTask):
    """A row is a function of the seed, the split and its number, so rows of any length need no memory.

    The loss is the cross-entropy, a mean over the scored targets in nats. In held-out rows only answers are scored; in
    training rows every next symbol too, with `every_symbol`. Accuracies stand beside by difficulty, in octaves: that of
    16 is of 16 to 31.
    """

    forward_only = True
    difficulty: str
    """What the difficulty counts: the metrics are called `accuracy_at_{difficulty}_16` and so on."""

    def __init__(self, spec: RecallSpec, length: int, *, every_symbol: bool = False) -> None:
        self.spec, self.every_symbol = spec, every_symbol
        self.signature = Signature(vocabulary=spec.vocabulary, length=length)
        self.fingerprints: dict[str, str] = {}
        self.row_tokens = length
        octaves = sorted({octave for row in self._held_out(SUBSET_ROWS) for octave in _octaves(row).tolist()})
        self.metrics = ("loss", "accuracy", *map(self._named, octaves))
        self._order: tuple[tuple[int, int], NDArray[np.int64]] | None = None

    @abstractmethod
    def draw(self, random: np.random.Generator) -> Recall:
        """A row."""

    @abstractmethod
    def guesses(self) -> float:
        """Number of symbols that can be an answer, all equally likely."""

    def row(self, split: str, index: int) -> Recall:
        """The row of that number."""
        return self.draw(numpy_stream(self.spec.seed, f"recall/{split}", index))

    def _held_out(self, count: int) -> Iterator[Recall]:
        return (self.row("val", index) for index in range(min(count, self.spec.validation)))

    def check_batch(self, size: int) -> None:
        if size > self.spec.training:
            raise DataError(
                f"{self.spec.training:,} training rows do not fill a batch of {size:,}; make `batch.size` smaller."
            )

    def batch(self, seed: int, step: int, size: int, stage: int = 0) -> Batch:
        """Rows in a random order that differs in every epoch."""
        count = self.spec.training
        rows = [
            self.row("train", int(self._places(seed, at // count)[at % count]))
            for at in range(step * size, (step + 1) * size)
        ]
        inputs, targets, _ = _stacked(rows)
        if self.every_symbol:
            targets = torch.where(targets == IGNORED, inputs.roll(-1, 1), targets)
        scored = int((targets != IGNORED).sum())
        tensors = {"inputs": inputs, "targets": targets}
        return Batch(tensors, scored=scored, tokens=inputs.numel(), epoch=(step + 1) * size / count)

    def _places(self, seed: int, epoch: int) -> NDArray[np.int64]:
        if self._order is None or self._order[0] != (seed, epoch):
            self._order = (seed, epoch), numpy_stream(seed, "order", epoch).permutation(self.spec.training)
        return self._order[1]

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross-entropy in nats, summed over the scored targets, in float32; `accuracy` counts those that are right."""
        targets = batch.tensors["targets"]
        scored = targets != IGNORED
        logits = at_least_float32(model(batch.tensors["inputs"])[scored])
        hits = (logits.detach().argmax(-1) == targets[scored]).sum()
        return F.cross_entropy(logits, targets[scored], reduction="sum"), {"accuracy": hits}

    def evaluate(self, model: nn.Module, split: str, *, subset: bool = False, stage: int = 0) -> dict[str, float]:
        """loss (nats an answer), accuracy, and the accuracy of each octave of difficulty that occurs."""
        count = min(self.spec.validation, SUBSET_ROWS) if subset else self.spec.validation
        at_once = max(1, EVALUATION_LOGITS // (self.row_tokens * self.spec.vocabulary))
        device = next(model.parameters()).device
        nats, hits, octaves = [], [], []
        for start in range(0, count, at_once):
            rows = [self.row(split, index) for index in range(start, min(start + at_once, count))]
            inputs, targets, octave = (tensor.to(device) for tensor in _stacked(rows))
            scored = targets != IGNORED
            with torch.no_grad():
                logits = at_least_float32(model(inputs)[scored])
            nats.append(F.cross_entropy(logits, targets[scored], reduction="none").double().cpu())
            hits.append((logits.argmax(-1) == targets[scored]).cpu())
            octaves.append(octave[scored].cpu())
        hit, octave = torch.cat(hits).double(), torch.cat(octaves)
        by_octave = {self._named(int(low)): float(hit[octave == low].mean()) for low in octave.unique()}
        return {"loss": float(torch.cat(nats).mean()), "accuracy": float(hit.mean()), **by_octave}

    def _named(self, octave: int) -> str:
        return f"accuracy_at_{self.difficulty}_{octave}"

    def held_out_inputs(self, rows: int) -> tuple[Tensor, ...]:
        return (_stacked(list(self._held_out(rows)))[0],)

    def examples(self, split: str) -> NDArray[Any]:
        """The split's first rows."""
        count = self.spec.training if split == "train" else self.spec.validation
        shown = max(1, min(count, SHOWN_SYMBOLS // self.row_tokens))
        return np.stack([self.row(split, index).inputs for index in range(shown)])

    def floors(self) -> dict[str, Any]:
        """Any answer that can be one, at random."""
        return {"chance": {"loss": float(np.log(self.guesses())), "accuracy": 1 / self.guesses()}}


def _octaves(row: Recall) -> NDArray[np.int64]:
    """The power of two at or below each difficulty."""
    octaves: NDArray[np.int64] = 1 << np.log2(row.difficulty).astype(np.int64)
    return octaves


def _stacked(rows: list[Recall]) -> tuple[Tensor, Tensor, Tensor]:
    """Inputs, targets and octaves of difficulty, each (B, T)."""
    parts = ([row.inputs for row in rows], [row.targets for row in rows], [_octaves(row) for row in rows])
    inputs, targets, octaves = (torch.from_numpy(np.stack(part)) for part in parts)
    return inputs, targets, octaves
