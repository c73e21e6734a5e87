"""Rows that are read in a random order, once in each epoch: batches, whatever is asked of them."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqlab.data import DataError
from seqlab.data.labelled import Labelled
from seqlab.data.signature import Signature
from seqlab.data.streams import numpy_stream
from seqlab.tasks import Batch, PreparedTask

__all__ = ["PreparedRows"]


class PreparedRows(PreparedTask):
    """Rows with a class each, in splits and tasks of a stream. An epoch reads every training row once, in an order of
    its own; held-out inputs are those of the last task, which the final result is of."""

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

    def kept(self, split: str, stage: int) -> Labelled:
        """`rows`, of which the task asked for last is kept; each row lies in one piece, as a batch takes it."""
        if split not in self._held or self._held[split][0] != stage:
            data = self.rows(split, stage)
            self._held[split] = stage, Labelled(np.ascontiguousarray(data.inputs), data.labels)
        return self._held[split][1]

    def check_batch(self, size: int) -> None:
        count = len(self.kept("train", 0))
        if size > count:
            raise DataError(f"{count:,} training rows do not fill a batch of {size:,}; make `batch.size` smaller.")

    def batch(self, seed: int, step: int, size: int, stage: int = 0) -> Batch:
        """Rows in a random order that differs in every epoch and every task of a stream."""
        data = self.kept("train", stage)
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

    def held_out_inputs(self, rows: int) -> tuple[Tensor, ...]:
        return (self.read(self.kept("val", self.stages - 1).inputs[:rows]),)

    def examples(self, split: str) -> NDArray[Any] | None:
        return self.kept(split, 0).inputs
