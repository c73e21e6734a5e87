"""Classification of images, features or symbols: batches, loss, metrics and floors, whatever the rows are of."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqlab.data.labelled import floors
from seqlab.tasks import Batch, at_least_float32
from seqlab.tasks.shared.calibration import calibration_error
from seqlab.tasks.shared.rows import PreparedRows

__all__ = ["PreparedClassification"]

EVALUATION_ROWS, EVALUATION_NUMBERS = 512, 2**18
"""Rows that one forward pass of an evaluation reads, and pixels or symbols in them: at most both (but for one row)."""
SUBSET_ROWS = 1000
"""Rows of a held-out split that are scored during training: its first ones."""


class PreparedClassification(PreparedRows):
    """Rows with a class each; the loss is the cross-entropy, a mean over rows in nats.

    In a stream, `rows` may differ from task to task; floors are those of the last task, which the final result is of.
    """

    metrics = ("loss", "accuracy", "calibration_error")

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross-entropy in nats, summed, in float32; `accuracy` counts the right answers, before the update."""
        logits, labels = at_least_float32(model(batch.tensors["inputs"])), batch.tensors["labels"]
        hits = (logits.detach().argmax(-1) == labels).sum()
        return F.cross_entropy(logits, labels, reduction="sum"), {"accuracy": hits}

    def evaluate(self, model: nn.Module, split: str, *, subset: bool = False, stage: int = 0) -> dict[str, float]:
        """loss (nats a row), accuracy, and the calibration error of what the model says of its accuracy."""
        data = self.kept(split, stage)
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

    def floors(self) -> dict[str, Any]:
        last = self.stages - 1
        return dict(floors(self.kept("train", last), self.kept("val", last), self.signature.outputs))
