"""Tasks: data, loss, metrics and the signature a model must fit, one a file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seqlab.data.signature import Signature
from seqlab.spec import Part

__all__ = ["Batch", "PreparedTask", "Task", "at_least_float32"]


class Task(Part, kind="tasks"):
    """A task's spec."""

    def anchored(self) -> Self:
        """This task with its relative paths made absolute, so that a run can go on from any folder."""
        return self

    def foretold(self) -> Signature | None:
        """The sizes that the data will have, where the spec alone tells them; None where the data must be read."""
        return None

    @abstractmethod
    def prepare(self) -> PreparedTask:
        """Read the data. Raises DataError in one sentence when it is missing, empty or too short."""


@dataclass(frozen=True)
class Batch:
    """The examples of one step, batch first."""

    tensors: dict[str, Tensor]
    scored: int
    """Number of symbols (or examples) that the loss is averaged over: the whole batch's, also in a part of it."""
    tokens: int
    """Number of symbols that the model reads."""
    epoch: float
    """Passes over the training data when this batch is done."""

    def to(self, device: torch.device) -> Batch:
        """The batch on a device."""
        moved = {name: tensor.to(device, non_blocking=True) for name, tensor in self.tensors.items()}
        return Batch(moved, self.scored, self.tokens, self.epoch)

    def parts(self, count: int) -> list[Batch]:
        """The rows in `count` parts of nearly equal size; `scored` stays the whole batch's, so the gradients add up."""
        rows = len(next(iter(self.tensors.values())))
        edges = [rows * index // count for index in range(count + 1)]
        return [
            Batch({name: t[start:stop] for name, t in self.tensors.items()}, self.scored, self.tokens, self.epoch)
            for start, stop in pairwise(edges)
            if stop > start
        ]


class PreparedTask(ABC):
    """A task with its data read."""

    signature: Signature
    fingerprints: dict[str, str]
    """SHA-256 of each file that the data comes from, by its name."""
    metrics: tuple[str, ...]
    """The names of what `evaluate` returns."""
    row_tokens: int
    """Symbols that one row of a training batch holds."""
    forward_only: bool = False
    """Whether a prediction that sees later symbols has seen its answer, so that the model must be causal."""
    by_heart: bool = False
    """Whether what is scored is what was trained on, for memory is what the task asks for."""
    notes: tuple[str, ...] = ()
    """What was left out of the data, counted and named, a sentence each."""
    stages: int = 1
    """Number of tasks in a stream of tasks, trained one after the other; 1 where there is no stream."""

    @abstractmethod
    def batch(self, seed: int, step: int, size: int, stage: int = 0) -> Batch:
        """The batch of a step: a pure function of its arguments, so that resuming needs no state. Steps are counted
        from 0, in each task of a stream anew."""

    def parts(self, batch: Batch, count: int, model: nn.Module) -> list[Batch]:
        """The parts in which a batch is computed, in the order of their gradients; `count` is what the experiment and
        its processes ask for. A task whose rows differ in size may cut by what the model needs."""
        return batch.parts(count)

    @abstractmethod
    def loss(self, model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss summed over the scored symbols of these rows, a float32 scalar, and metrics summed likewise.

        The loop divides both by `batch.scored`; the metrics' names have no phase yet.
        """

    @abstractmethod
    def evaluate(self, model: nn.Module, split: str, *, subset: bool = False, stage: int = 0) -> dict[str, float]:
        """The metrics of a held-out split ("val" or "test"), or of its fixed subset, in a task of the stream; names
        without the split."""

    @abstractmethod
    def held_out_inputs(self, rows: int) -> tuple[Tensor, ...]:
        """A fixed batch of validation inputs, as `model(*inputs)` takes it, for probes."""

    def examples(self, split: str) -> NDArray[Any] | None:
        """All that a split ("train", "val" ...) holds, to be compared with another one: a stream of symbols (N,), or
        rows (N, ...) as the model reads them; None where there is no such array."""
        return None

    @abstractmethod
    def floors(self) -> dict[str, Any]:
        """What a trivial model reaches on the validation split, quickly computed: {name: {metric: value}}."""

    def slow_floors(self) -> dict[str, Any]:
        """Floors that take seconds; the loop asks for them when training is over."""
        return {}

    def splits(self) -> tuple[str, ...]:
        """The held-out splits there are: always "val"; "test" is scored once, at the end."""
        return ("val",)

    @abstractmethod
    def check_batch(self, size: int) -> None:
        """Raise DataError when the training data cannot fill a batch of `size` rows."""

    def assets(self) -> dict[str, Any]:
        """What it takes to use a model of this task without its data (the alphabet ...), as JSON."""
        return {}


def at_least_float32(logits: Tensor) -> Tensor:
    """Logits in the dtype that losses and metrics are computed in: float32, or float64 where the model computes so."""
    return logits if logits.dtype == torch.float64 else logits.float()
