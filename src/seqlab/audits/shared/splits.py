"""What a task's splits hold, as the model is shown them: training batches, and the rows of an evaluation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from seqlab.audits.shared.scoring import scoring
from seqlab.audits.shared.subject import Subject

__all__ = ["evaluated_rows", "training_rows"]

Rows = NDArray[Any]

HELD_OUT_ROWS = 512
"""Rows that are asked of a task which cannot be watched in an evaluation."""


def evaluated_rows(subject: Subject, split: str) -> Rows | None:
    """The inputs (N, ...) of an evaluation of a split's subset, as a model was shown them; else the task's held-out
    inputs, or for another split than "val" None."""
    asked = scoring(subject)
    if asked.why_not is None:
        stub = asked.uniform()
        asked.evaluated(stub, split)
        shapes = {tokens.shape[1:] for tokens in stub.shown}
        if len(shapes) == 1:
            return torch.cat(stub.shown).numpy()
    return subject.task.held_out_inputs(HELD_OUT_ROWS)[0].cpu().numpy() if split == "val" else None


def training_rows(subject: Subject, most: int, batches: int | None = None) -> tuple[Rows, float] | None:
    """Rows (N, ...) of training batches, up to `most` numbers, and the share of an epoch that they are: the first ones,
    or so many batches that are spread over it. None where no tensor of a batch looks like the inputs."""
    t, task = subject.training, subject.task
    seed, size = t.experiment.seed, t.experiment.batch.size
    first = task.batch(seed, 0, size)
    like = task.held_out_inputs(1)[0]
    name = next((n for n, x in first.tensors.items() if x.dtype == like.dtype and x.shape[1:] == like.shape[1:]), None)
    if name is None or first.epoch <= 0:
        return None
    in_an_epoch = max(1, math.floor(1 / first.epoch + 1e-9))
    count = min(in_an_epoch, batches or max(1, most // first.tensors[name].numel()))
    steps = np.linspace(0, in_an_epoch - 1, count).astype(int) if batches else range(count)
    found = [task.batch(seed, int(step), size).tensors[name].numpy() for step in steps]
    return np.concatenate(found), count / in_an_epoch
