"""A text read from its first byte to its last: how many bits a byte costs a model."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqlab.data import DataError, progress
from seqlab.data.symbols import Symbols
from seqlab.data.text import file_name, read_text
from seqlab.evaluations import Answers, Examination
from seqlab.models.lm import LanguageModel
from seqlab.spec import Field

__all__ = ["WholeText"]

CHUNK = 512
"""Symbols that are read at once: the logits of a large vocabulary take 100 MB."""


class WholeText(Examination):
    """Bits per byte of a whole text, each symbol predicted from all that stand before it.

    A model whose memory does not grow carries it from chunk to chunk through the text. One with a longest input, or a
    memory that grows, reads windows of its length one by one, and knows nothing of the window before. The first symbol
    of the text is predicted from `begin`; without one it is not counted, nor are its bytes.
    """

    begin: int | None = Field(default=None, ge=0)
    """The symbol that texts begin with, where the model has one."""

    def ask(self, model: nn.Module, symbols: Symbols) -> Answers:
        if not isinstance(model, LanguageModel) or not model.causal:
            raise DataError("this model does not predict a text symbol by symbol; ask a causal language model")
        source = read_text(self.file)
        ids = torch.from_numpy(symbols.encode(source.data).astype(np.int64))
        if self.begin is not None:
            ids = torch.cat([torch.tensor([self.begin]), ids])
        if len(ids) < 2:
            raise DataError(f"{self.file} has fewer than two symbols: there is nothing to predict")
        carried = carries(model)
        read = _carrying(model, ids) if carried else _in_windows(model, ids)
        lengths = torch.from_numpy(symbols.byte_lengths())
        nats, count, size = 0.0, 0, 0
        for logits, targets in progress.told("reading the text", read, lambda piece: len(piece[1]), len(ids)):
            nats += F.cross_entropy(logits.float(), targets, reduction="sum").item()
            count, size = count + len(targets), size + int(lengths[targets].sum())
        measured = {"bits_per_byte": nats / math.log(2) / size, "loss": nats / count, "symbols": count, "bytes": size}
        remarks = (
            () if carried else (f"read in windows of {_window(model)} symbols, each without what stands before it",)
        )
        return Answers(measured, {file_name(self.file): source.sha256}, remarks)


def carries(model: LanguageModel) -> bool:
    """Whether a model's memory is of one size, however much it has read."""
    length = model.length
    return model.max_length is None and model.state_bytes(1, 2 * length) == model.state_bytes(1, length)


def _window(model: LanguageModel) -> int:
    return model.max_length or model.length


@torch.inference_mode()
def _carrying(model: LanguageModel, ids: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Logits (L, V) and the symbols (L,) that they predict, chunk by chunk."""
    state = model.init_state(1)
    for start in range(0, len(ids) - 1, CHUNK):
        read = ids[start : min(start + CHUNK, len(ids) - 1)]
        logits, state = model.extend(read[None], state)
        yield logits[0], ids[start + 1 : start + 1 + len(read)]


@torch.inference_mode()
def _in_windows(model: LanguageModel, ids: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """The same, window by window."""
    window = _window(model)
    for start in range(0, len(ids) - 1, window):
        read = ids[start : min(start + window, len(ids) - 1)]
        yield model(read[None])[0], ids[start + 1 : start + 1 + len(read)]
