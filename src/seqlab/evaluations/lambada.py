"""LAMBADA: the last word of a passage that people guess only when they read all of it (arXiv 1606.06031)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from seqlab.data import DataError
from seqlab.data.lambada import OFFICIAL_COUNT, Passage, read_passages, stop_symbols
from seqlab.data.symbols import Symbols
from seqlab.data.text import file_name
from seqlab.evaluations import Answers, Examination

__all__ = ["Lambada"]

LOGITS_AT_ONCE = 2**25
"""Logits that one forward pass makes at most (but for a single passage)."""


class Lambada(Examination):
    """The share of passages whose last word is predicted, symbol by symbol, from all that stands before it.

    A passage is read once, a line break before it and curly quotes made straight; its word, with the space before it,
    is right when every symbol of it is the likeliest. `accuracy_filtered` leaves out the symbols that are a space and a
    stop word (the English list of spaCy, MIT), at every position. `perplexity` is e to the mean over passages of
    -ln p(word), as EleutherAI/lm-evaluation-harness has it. Conventions of HazyResearch/safari, evals/lambada.py.
    """

    def ask(self, model: nn.Module, symbols: Symbols) -> Answers:
        if not getattr(model, "causal", True):
            raise DataError("this model is not causal: it sees the word that it is asked for; ask a causal one")
        passages, sha256 = read_passages(self.file, symbols)
        if not passages:
            raise DataError(f"{self.file} holds no passage; the official file is lambada_test.jsonl")
        _check_lengths(self.file, passages, getattr(model, "max_length", None))
        device = next(model.parameters()).device
        stops = torch.from_numpy(stop_symbols(symbols)).to(device)
        totals = np.zeros(3)
        for batch in _batches(passages, symbols.size):
            totals += _score(model, batch, symbols.size, stops, device)
        right, right_filtered, nats = totals / len(passages)
        measured = {"accuracy": right, "accuracy_filtered": right_filtered, "perplexity": math.exp(min(nats, 700.0))}
        return Answers(measured | {"count": len(passages)}, {file_name(self.file): sha256}, _remarks(passages))


def _check_lengths(file: str, passages: Sequence[Passage], longest: int | None) -> None:
    for passage in passages:
        if longest is not None and len(passage.symbols) - 1 > longest:
            raise DataError(
                f"{file}, line {passage.line}, has {len(passage.symbols):,} symbols and the model reads {longest:,} at "
                "most; ask a model of a larger `task.length`"
            )


def _remarks(passages: Sequence[Passage]) -> tuple[str, ...]:
    if len(passages) == OFFICIAL_COUNT:
        return ()
    return (f"this file has {len(passages):,} passages and LAMBADA has {OFFICIAL_COUNT:,}: no published number",)


def _batches(passages: Sequence[Passage], vocabulary: int) -> Iterator[list[Passage]]:
    """Passages of nearly equal length together, longest first, so that little is padding."""
    waiting = sorted(passages, key=lambda passage: -len(passage.symbols))
    while waiting:
        rows = max(1, LOGITS_AT_ONCE // (vocabulary * len(waiting[0].symbols)))
        yield waiting[:rows]
        waiting = waiting[rows:]


def _score(
    model: nn.Module, batch: Sequence[Passage], vocabulary: int, stops: Tensor, device: torch.device
) -> NDArray[np.float64]:
    """How many words are right, how many are without stop words, and the sum of their -ln p."""
    tokens = np.zeros((len(batch), len(batch[0].symbols) - 1), np.int64)  # a causal model does not see the padding
    for row, passage in zip(tokens, batch, strict=True):
        row[: len(passage.symbols) - 1] = passage.symbols[:-1]
    with torch.no_grad():
        logits = model(torch.from_numpy(tokens).to(device))[..., :vocabulary]
    totals = np.zeros(3)
    for passage, own in zip(batch, logits, strict=True):
        end, word = len(passage.symbols) - 1, torch.from_numpy(passage.word.astype(np.int64)).to(device)
        asked = own[end - len(word) : end].float()
        filtered = asked.index_fill(1, stops, -torch.inf)
        nats = F.cross_entropy(asked, word, reduction="sum")
        totals += [(x.argmax(1) == word).all().item() for x in (asked, filtered)] + [nats.item()]
    return totals
