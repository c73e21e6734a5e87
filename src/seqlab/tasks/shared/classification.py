"""Classification of images, features or symbols: batches, loss, metrics and floors, whatever the rows are of."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from seqlab.data import DataError
from seqlab.data.labelled import Labelled, floors
from seqlab.data.signature import Signature
from seqlab.data.streams import numpy_stream
from seqlab.tasks import Batch, PreparedTask, at_least_float32
from seqlab.tasks.shared.calibration import calibration_error

__all__ = ["PreparedClassification"]

EVALUATION_ROWS, EVALUATION_NUMBERS = 512, 2**18
"""Rows that one forward pass of an evaluation reads, and pixels or symbols in them: at most both (but for one row)."""
SUBSET_ROWS = 1000
"""Rows of a held-out split that are scored during training: its first ones."""


class PreparedClassification(PreparedTask):
    """Rows with a class each; the loss is the cross-entropy, a mean over rows in nats.

    In a stream, `rows` may differ from task to task; floors and held-out inputs are those of the last task, which the
    final result is of. An epoch reads every training row once, in an order of its own.
    """

    metrics = ("loss", "accuracy", "calibration_error")
    row_tokens = 1

    def __init__(self, signature: Signature, stages: int = 1) -> None:
        self.signature = signature
        self.fingerprints: dict[str, str] = {}
        self.stages = stages
        self._held: dict[str, tuple[int, Labelled]] = {}
        self._order: tuple[tuple[int, int, int], NDArray[np.int64]] | None = None

    @abstractmethod
    def rows(self, split: str, stage: int) -> Labelled:
        """All rows of a split in a task of the stream: inputs (N, *shape)."""

    def read(self, inputs: NDArray[Any]) -> Tensor:
        """Rows as a model reads them: here float32, bytes divided by 255."""
        tensor = torch.from_numpy(inputs)
        return tensor.float().div_(255) if tensor.dtype == torch.uint8 else tensor

    def _rows(self, split: str, stage: int) -> Labelled:
        """`rows`, of which the task asked for last is kept; each row lies in one piece, as a batch takes it."""
        if split not in self._held or self._held[split][0] != stage:
            data = self.rows(split, stage)
            self._held[split] = stage, Labelled(np.ascontiguousarray(data.inputs), data.labels)
        return self._held[split][1]

    def check_batch(self, size: int) -> None:
        count = len(self._rows("train", 0))
        if size > count:
            raise DataError(f"{count:,} training rows do not fill a batch of {size:,}; make `batch.size` smaller.")

    def batch(self, seed: int, step: int, size: int, stage: int = 0) -> Batch:
        """Rows in a random order that differs in every epoch and every task of a stream."""
        data = self._rows("train", stage)
        first, count = step * size, len(data)
        places = self._places(seed, stage, first // count, count)[first % count : first % count + size]
        while len(places) < size:
            following = (first + len(places)) // count
            rest = self._places(seed, stage, following, count)[: size - len(places)]
            places = np.concatenate([places, rest])
        tensors = {"inputs": self.read(data.inputs[places]), "labels": torch.from_numpy(data.labels[places])}
        return Batch(tensors, scored=size, tokens=size * self.row_tokens, epoch=(first + size) / count)

    def _places(self, seed: int, stage: int, epoch: int, count: int) -> NDArray[np.int64]:
        key = (seed, stage, epoch)
        if self._order is None or self._order[0] != key:
            self._order = key, numpy_stream(seed, "order", stage, epoch).permutation(count)
        return self._order[1]

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross-entropy in nats, summed, in float32; `accuracy` counts the right answers, before the update."""
        logits, labels = at_least_float32(model(batch.tensors["inputs"])), batch.tensors["labels"]
        hits = (logits.detach().argmax(-1) == labels).sum()
        return F.cross_entropy(logits, labels, reduction="sum"), {"accuracy": hits}

    def evaluate(self, model: nn.Module, split: str, *, subset: bool = False, stage: int = 0) -> dict[str, float]:
        """loss (nats a row), accuracy, and the calibration error of what the model says of its accuracy."""
        data = self._rows(split, stage)
        device = next(model.parameters()).device
        count = min(len(data), SUBSET_ROWS) if subset else len(data)
        at_once = max(1, min(EVALUATION_ROWS, EVALUATION_NUMBERS // data.inputs[0].size))
        nats, confidences, hits = [], [], []
        for start in range(0, count, at_once):
            part = slice(start, min(start + at_once, count))
            labels = torch.from_numpy(data.labels[part]).to(device)
            with torch.no_grad():
                logits = at_least_float32(model(self.read(data.inputs[part]).to(device)))
            nats.append(F.cross_entropy(logits, labels, reduction="none").double().cpu())
            confidences.append(logits.double().softmax(-1).amax(-1).cpu())
            hits.append((logits.argmax(-1) == labels).double().cpu())
        confidence, hit = torch.cat(confidences), torch.cat(hits)
        return {
            "loss": float(torch.cat(nats).mean()),
            "accuracy": float(hit.mean()),
            "calibration_error": calibration_error(confidence, hit),
        }

    def held_out_inputs(self, rows: int) -> tuple[Tensor, ...]:
        return (self.read(self._rows("val", self.stages - 1).inputs[:rows]),)

    def examples(self, split: str) -> NDArray[Any]:
        return self._rows(split, 0).inputs

    def floors(self) -> dict[str, Any]:
        last = self.stages - 1
        return dict(floors(self._rows("train", last), self._rows("val", last), self.signature.outputs))
