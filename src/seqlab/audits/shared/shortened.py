"""A task with shorter rows, for steps that a large model can afford in an audit."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from seqlab.audits.shared.stubs import Uniform
from seqlab.tasks import Batch, PreparedTask

__all__ = ["Shortened", "shortened"]


class Shortened(PreparedTask):
    """The task, but that only a part of each row is left, with a share of its scored symbols. All else is its own."""

    def __init__(self, task: PreparedTask, part: slice, scored_share: float) -> None:
        self.__dict__.update(vars(task))
        self.task, self.part, self.scored_share = task, part, scored_share
        self.row_tokens = len(range(task.row_tokens)[part])
        self.signature, self.fingerprints, self.metrics = task.signature, task.fingerprints, task.metrics
        self.forward_only, self.stages = task.forward_only, task.stages

    def batch(self, seed: int, step: int, size: int, stage: int = 0) -> Batch:
        whole = self.task.batch(seed, step, size, stage)
        return replace(
            whole,
            tensors={name: tensor[:, self.part] for name, tensor in whole.tensors.items()},
            scored=max(1, int(whole.scored * self.scored_share)),
            tokens=max(1, whole.tokens * self.row_tokens // self.task.row_tokens),
        )

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        return self.task.loss(model, batch)

    def evaluate(self, model: nn.Module, split: str, *, subset: bool = False, stage: int = 0) -> dict[str, float]:
        return self.task.evaluate(model, split, subset=subset)

    def held_out_inputs(self, rows: int) -> tuple[Tensor, ...]:
        return self.task.held_out_inputs(rows)

    def floors(self) -> dict[str, Any]:
        return self.task.floors()

    def check_batch(self, size: int) -> None:
        self.task.check_batch(size)


def shortened(task: PreparedTask, length: int, seed: int) -> PreparedTask:
    """The task with rows of at most `length`: their beginning where every symbol is scored, their end where nothing
    else is; whole rows where neither can be told from the loss of a model that guesses."""
    if length >= task.row_tokens or not task.forward_only:
        return task
    if any(t.ndim < 2 or t.shape[1] != task.row_tokens for t in task.batch(seed, 0, 1).tensors.values()):
        return task
    try:
        whole = _of_guessing(task, seed)
        for part, share in ((slice(length), length / task.row_tokens), (slice(-length, None), 1.0)):
            short = Shortened(task, part, share)
            if math.isclose(_of_guessing(short, seed), share * whole, rel_tol=1e-3):
                return short
    except Exception:  # a task that asks more of its model than logits
        return task
    return task


def _of_guessing(task: PreparedTask, seed: int) -> float:
    with torch.no_grad():
        return float(task.loss(Uniform(task.signature.vocabulary), task.batch(seed, 0, 1))[0])
