"""A task with shorter rows, for steps that a large model can afford in an audit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from seqlab.tasks import Batch, PreparedTask

__all__ = ["Shortened", "shortened"]


class Shortened(PreparedTask):
    """The task, but that the rows of its batches end after `length` symbols. All else is the task's own."""

    def __init__(self, task: PreparedTask, length: int) -> None:
        self.__dict__.update(vars(task))
        self.task, self.length, self.row_tokens = task, length, length
        self.signature, self.fingerprints, self.metrics = task.signature, task.fingerprints, task.metrics
        self.forward_only, self.stages = task.forward_only, task.stages

    def batch(self, seed: int, step: int, size: int, stage: int = 0) -> Batch:
        whole = self.task.batch(seed, step, size, stage)
        length = next(iter(whole.tensors.values())).shape[1]
        tensors = {name: tensor[:, : self.length] for name, tensor in whole.tensors.items()}
        scored, tokens = (max(1, count * self.length // length) for count in (whole.scored, whole.tokens))
        return replace(whole, tensors=tensors, scored=scored, tokens=tokens)

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        return self.task.loss(model, batch)

    def evaluate(self, model: nn.Module, split: str, *, subset: bool = False) -> dict[str, float]:
        return self.task.evaluate(model, split, subset=subset)

    def held_out_inputs(self, rows: int) -> tuple[Tensor, ...]:
        return self.task.held_out_inputs(rows)

    def floors(self) -> dict[str, Any]:
        return self.task.floors()

    def check_batch(self, size: int) -> None:
        self.task.check_batch(size)


def shortened(task: PreparedTask, length: int, seed: int) -> PreparedTask:
    """The task with rows of at most `length`, where every tensor of its batches has one entry for each symbol."""
    if length >= task.row_tokens or not task.forward_only:
        return task
    batch = task.batch(seed, 0, 1)
    if any(tensor.ndim < 2 or tensor.shape[1] != task.row_tokens for tensor in batch.tensors.values()):
        return task
    return Shortened(task, length)
