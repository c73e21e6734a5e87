"""A stream of symbols cut into windows: what is trained on, what is scored, and how, for every text task.

Losses are nats per symbol; bits per byte divide by the bytes of the symbols that were scored, so that alphabets can
be compared.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from seqlab.data import DataError
from seqlab.data.floors import cheap_floors
from seqlab.data.ngram import LONGEST
from seqlab.data.signature import Signature
from seqlab.data.streams import numpy_stream
from seqlab.data.symbols import Symbols
from seqlab.tasks import Batch, PreparedTask, at_least_float32
from seqlab.tasks.shared.bits import bits_near

__all__ = ["WindowedText", "Windows"]

EVALUATION_SYMBOLS = 16384
"""Symbols that one forward pass of an evaluation reads at most: large enough to be efficient."""

EVALUATION_LOGITS = 2**25
"""Logits that one forward pass of an evaluation makes at most (but for a single window): a tokenizer's large alphabet
must not fill the memory that training left free."""


class Windows(Protocol):
    """What the spec of such a task says of its windows."""

    @property
    def length(self) -> int:
        """Symbols in a training window."""

    @property
    def window(self) -> int:
        """Symbols in an evaluation window."""

    @property
    def overlap(self) -> float:
        """Share of each evaluation window that the one before it scored already and that serves as context."""

    @property
    def subset_bytes(self) -> int:
        """Size of the fixed subset of the validation split that is scored during training."""


class WindowedText(PreparedTask):
    """A text whose splits are encoded: {split: (symbols,)}.

    `place` is what an error calls the text; `signature` the model's sizes, none: those of the symbols and windows.
    """

    metrics: tuple[str, ...] = ("loss", "bits_per_byte", "accuracy", "symbols")
    forward_only = True
    scores_bits = False
    """Whether the share of bits whose probability is within 0.2 of what they are is scored too, as `bit_accuracy`."""

    def __init__(
        self,
        spec: Windows,
        symbols: Symbols,
        encoded: dict[str, NDArray[Any]],
        *,
        place: str,
        signature: Signature | None = None,
    ) -> None:
        self.spec, self.symbols, self.encoded, self.place = spec, symbols, encoded, place
        longest = max(spec.length, spec.window)
        self.signature = signature or Signature(vocabulary=symbols.size, length=longest)
        self.row_tokens = spec.length
        self._order: tuple[tuple[int, int], NDArray[np.int64], int] | None = None
        for name, data in encoded.items():
            if len(data) <= LONGEST or (name == "train" and self._windows < 1):
                raise DataError(
                    f"{place}: the {name} part has {len(data):,} symbols, too few for windows of "
                    f"{spec.length}; take a longer text or a shorter `task.length`."
                )

    @property
    def _windows(self) -> int:
        # One window fewer than would fit, so that every epoch can start at an offset of its own.
        return (len(self.encoded["train"]) - self.spec.length) // self.spec.length

    def check_batch(self, size: int) -> None:
        if self._windows < size:
            needed = (size + 1) * self.spec.length
            raise DataError(
                f"{self.place}: {len(self.encoded['train']):,} training symbols do not fill a batch of {size} x "
                f"{self.spec.length} ({needed:,} are needed); make `batch.size` or `task.length` smaller."
            )

    def floors(self) -> dict[str, Any]:
        return dict(cheap_floors(self.encoded["train"], self.encoded["val"], self.symbols))

    def assets(self) -> dict[str, Any]:
        return {"symbols": self.symbols.to_json()}

    def splits(self) -> tuple[str, ...]:
        return tuple(name for name in self.encoded if name != "train")

    def batch(self, seed: int, step: int, size: int, stage: int = 0) -> Batch:
        """Windows in a random order that differs in every epoch, as does the offset of the first window."""
        first = step * size
        index = np.arange(first, first + size)
        starts = np.concatenate(
            [
                self._starts(seed, int(epoch))[index[index // self._windows == epoch] % self._windows]
                for epoch in np.unique(index // self._windows)
            ]
        )
        rows = self._rows("train", starts, self.spec.length)
        return Batch(
            {"inputs": rows[:, :-1], "targets": rows[:, 1:]},
            scored=size * self.spec.length,
            tokens=size * self.spec.length,
            epoch=(first + size) / self._windows,
        )

    def _starts(self, seed: int, epoch: int) -> NDArray[np.int64]:
        if self._order is None or self._order[0] != (seed, epoch):
            stream = numpy_stream(seed, "order", epoch)
            offset = int(stream.integers(self.spec.length))
            self._order = ((seed, epoch), stream.permutation(self._windows), offset)
        _, order, offset = self._order
        return order * self.spec.length + offset

    def _rows(self, name: str, starts: NDArray[np.int64], length: int) -> Tensor:
        rows = self.encoded[name][starts[:, None] + np.arange(length + 1)]
        return torch.from_numpy(rows.astype(np.int64))

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross-entropy in nats, summed, in float32; no other metric in training."""
        logits = model(batch.tensors["inputs"])
        return F.cross_entropy(
            at_least_float32(logits).flatten(0, 1), batch.tensors["targets"].flatten(), reduction="sum"
        ), {}

    def evaluate(self, model: nn.Module, split: str, *, subset: bool = False, stage: int = 0) -> dict[str, float]:
        """loss (nats per symbol), bits_per_byte, accuracy, and `symbols`, how many were scored; where `scores_bits`,
        bit_accuracy."""
        starts, first = self._evaluation_windows(split, subset)
        length = min(self.spec.window, len(self.encoded[split]) - 1)
        rows_at_once = max(1, min(EVALUATION_SYMBOLS, EVALUATION_LOGITS // self.signature.vocabulary) // length)
        device = next(model.parameters()).device
        totals = np.zeros(5)
        for at in range(0, len(starts), rows_at_once):
            rows = self._rows(split, starts[at : at + rows_at_once], length).to(device)
            scored = torch.arange(length, device=device) >= torch.from_numpy(first[at : at + rows_at_once, None]).to(
                device
            )
            totals += self._score(model, rows, scored)
        nats, correct, symbols, byte_count, near = totals
        found: dict[str, float] = {
            "loss": nats / symbols,
            "bits_per_byte": nats / math.log(2) / byte_count,
            "accuracy": correct / symbols,
            "symbols": symbols,
        }
        if self.scores_bits:
            found["bit_accuracy"] = near / symbols
        return found

    def _score(self, model: nn.Module, rows: Tensor, scored: Tensor) -> NDArray[np.float64]:
        with torch.no_grad():
            logits = at_least_float32(model(rows[:, :-1]))[scored]
            targets = rows[:, 1:][scored]
            nats = F.cross_entropy(logits, targets, reduction="none").double().sum()
            correct = (logits.argmax(-1) == targets).sum()
            near = bits_near(logits.double().softmax(-1), targets).sum() if self.scores_bits else 0.0
        byte_count = self._byte_lengths.to(targets.device)[targets].sum()
        return np.array([float(nats), float(correct), float(len(targets)), float(byte_count), float(near)])

    @cached_property
    def _byte_lengths(self) -> Tensor:
        return torch.from_numpy(np.asarray(self.symbols.byte_lengths(), dtype=np.int64))

    def _evaluation_windows(self, split: str, subset: bool) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where each window starts, and the first of its targets that no earlier window scored."""
        count = len(self.encoded[split]) - 1
        length = min(self.spec.window, count)
        stride = max(1, length - int(self.spec.overlap * length))
        starts = np.minimum(np.arange(0, count - length + stride, stride), count - length).astype(np.int64)
        ends = starts + length
        first = length - np.diff(ends, prepend=0)
        if subset:
            wanted = self.spec.subset_bytes / self._bytes_per_symbol(split) / stride
            chosen = np.unique(np.linspace(0, len(starts) - 1, max(1, math.ceil(wanted))).astype(np.int64))
            if len(chosen) < len(starts):
                return starts[chosen], first[chosen]
        return starts, first

    def _bytes_per_symbol(self, split: str) -> float:
        return self._bytes_of(split) / len(self.encoded[split])

    def _bytes_of(self, split: str) -> int:
        return int(self._byte_lengths.numpy()[self.encoded[split]].sum())

    def held_out_inputs(self, rows: int) -> tuple[Tensor, ...]:
        starts, _ = self._evaluation_windows("val", subset=False)
        length = min(self.spec.length, len(self.encoded["val"]) - 1)
        return (self._rows("val", np.minimum(starts[:rows], len(self.encoded["val"]) - 1 - length), length)[:, :-1],)

    def examples(self, split: str) -> NDArray[Any]:
        return self.encoded[split]
