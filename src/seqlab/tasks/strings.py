"""Strings learned by heart: how many symbols of a few texts a model can say on from their beginning."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from seqlab.data import DataError
from seqlab.data.recall import IGNORED
from seqlab.data.signature import Signature
from seqlab.data.streams import numpy_stream
from seqlab.data.text import absolute, file_name, read_text
from seqlab.spec import Field, SpecError
from seqlab.tasks import Batch, PreparedTask, Task, at_least_float32
from seqlab.tasks.shared.bits import bit_accuracy_of_guess, bits_near

__all__ = ["PreparedStrings", "Strings"]


class Strings(Task):
    """The next symbol of each of a few strings, over and over. What is scored is what is trained on: it is memory that
    is asked for, and not a rule.

    The shift test asks for the same strings from their second symbol on: what was learned as "the n-th symbol" and not
    as "what follows these" fails there. A row holds a whole string; shorter ones are padded behind.
    """

    path: str = "card:sotu"
    """A text file, or `card:NAME` (see `seqlab data ls`), out of which the strings are cut."""
    count: int = Field(default=1, ge=1)
    """Number of strings."""
    lengths: tuple[Annotated[int, Field(ge=4)], ...] = (125,)
    """Bytes of the strings, in turns."""
    symbols: Literal["bytes", "bits"] = "bytes"
    """bytes: 256 symbols; bits: a symbol is a bit, a byte eight of them, the highest first."""
    seed: int = Field(default=0, ge=0)
    """Of the places at which the strings are cut."""

    def check(self) -> None:
        if not self.lengths:
            raise SpecError("tasks/strings needs a length in `lengths`, such as (125,).")

    def located(self) -> dict[str, str]:
        return {"path": read_text(self.path).sha256}

    def anchored(self) -> Strings:
        return replace(self, path=absolute(self.path))

    def foretold(self) -> Signature:
        used = [self.lengths[index % len(self.lengths)] for index in range(self.count)]
        if self.symbols == "bits":
            return Signature(vocabulary=2, length=8 * max(used) - 1)
        return Signature(vocabulary=256, length=max(used) - 1)

    def prepare(self) -> PreparedStrings:
        return PreparedStrings(self)


class PreparedStrings(PreparedTask):
    """The strings as rows of symbols (count, longest), padding IGNORED."""

    forward_only = True
    by_heart = True

    def __init__(self, spec: Strings) -> None:
        source = read_text(spec.path)
        self.spec, self.fingerprints = spec, {file_name(spec.path): source.sha256}
        self.signature = spec.foretold()
        self.row_tokens = self.signature.length
        self.texts = _cut(source.data, spec)
        self.strings = torch.full((spec.count, self.signature.length + 1), IGNORED)
        for row, text in zip(self.strings, self.texts, strict=True):
            symbols = torch.from_numpy((np.unpackbits(text) if spec.symbols == "bits" else text).astype(np.int64))
            row[: len(symbols)] = symbols
        lengths = sorted({len(text) for text in self.texts})
        self.metrics = (
            "loss", "accuracy", "bit_accuracy", "shifted_loss", "shifted_accuracy",
            *(f"accuracy_at_position_{octave}" for octave in _octaves(self.signature.length).unique().tolist()),
            *(f"accuracy_of_length_{length}" for length in lengths),
        )  # fmt: skip

    def check_batch(self, size: int) -> None:
        """Strings are repeated until a batch is full."""

    def batch(self, seed: int, step: int, size: int, stage: int = 0) -> Batch:
        """The strings in turns."""
        rows = self.strings[(torch.arange(size) + step * size) % self.spec.count]
        inputs, targets = _asked(rows, 0)
        tensors = {"inputs": inputs, "targets": targets}
        scored = int((targets != IGNORED).sum())
        return Batch(tensors, scored=scored, tokens=inputs.numel(), epoch=(step + 1) * size / self.spec.count)

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross-entropy in nats, summed over the scored symbols, in float32; `accuracy` counts those that are right."""
        logits, targets = at_least_float32(model(batch.tensors["inputs"])), batch.tensors["targets"]
        hits = (logits.detach().argmax(-1) == targets).sum()  # padding is no symbol
        loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="sum")
        return loss, {"accuracy": hits}

    def evaluate(self, model: nn.Module, split: str, *, subset: bool = False, stage: int = 0) -> dict[str, float]:
        """loss (nats a symbol) and accuracy of the strings, and of the shift test; the share of bits whose probability
        is within 0.2 of what they are; the accuracy by the place of a symbol, in octaves, and by a string's length."""
        device = next(model.parameters()).device
        found: dict[str, float] = {}
        for name, skipped in (("", 0), ("shifted_", 1)):
            inputs, targets = (tensor.to(device) for tensor in _asked(self.strings, skipped))
            with torch.no_grad():
                logits, answers = _scored(model, inputs, targets)
            found[f"{name}loss"] = float(F.cross_entropy(logits.double(), answers))
            hits = logits.argmax(-1) == answers
            found[f"{name}accuracy"] = float(hits.double().mean())
            if not skipped:
                found["bit_accuracy"] = float(bits_near(logits.double().softmax(-1), answers).mean())
                found |= self._by_place(hits.double().cpu(), targets.cpu() != IGNORED)
        return {name: found[name] for name in self.metrics}

    def _by_place(self, hits: Tensor, scored: Tensor) -> dict[str, float]:
        octave = _octaves(scored.shape[1]).expand_as(scored)[scored]
        length = torch.tensor([len(text) for text in self.texts])[:, None].expand_as(scored)[scored]
        by_position = {f"accuracy_at_position_{o}": float(hits[octave == o].mean()) for o in octave.unique().tolist()}
        by_length = {f"accuracy_of_length_{n}": float(hits[length == n].mean()) for n in length.unique().tolist()}
        return by_position | by_length

    def held_out_inputs(self, rows: int) -> tuple[Tensor, ...]:
        return (_asked(self.strings[torch.arange(rows) % self.spec.count], 0)[0],)

    def floors(self) -> dict[str, Any]:
        """Any symbol, and the frequencies of the strings themselves, wherever it is: two of the eight bits of a letter
        are nearly always the same."""
        size = self.signature.vocabulary
        asked = _asked(self.strings, 0)[1]
        asked = asked[asked != IGNORED]
        share = torch.bincount(asked, minlength=size).double() / len(asked)
        return {
            "uniform": {"loss": float(np.log(size)), "accuracy": 1 / size, "bit_accuracy": 0.0},
            "unigram": {
                "loss": float(torch.distributions.Categorical(probs=share).entropy()),
                "accuracy": float(share.max()),
                "bit_accuracy": bit_accuracy_of_guess(share, asked),
            },
        }

    def assets(self) -> dict[str, Any]:
        return {"strings": [bytes(text).decode(errors="replace") for text in self.texts]}


def _cut(data: NDArray[np.uint8], spec: Strings) -> list[NDArray[np.uint8]]:
    """The strings, each from the beginning of a word on. Raises DataError where the text is too short."""
    random = numpy_stream(spec.seed, "strings")
    words = 1 + np.flatnonzero((data == ord(" ")) | (data == ord("\n")))
    found = []
    for index in range(spec.count):
        length = spec.lengths[index % len(spec.lengths)]
        room = int(np.searchsorted(words, len(data) - length, side="right"))
        if room < 1:
            raise DataError(
                f"{spec.path} has {len(data):,} bytes, and no word of it begins a string of {length}; take a longer one"
            )
        place = words[random.integers(room)]
        found.append(np.array(data[place : place + length]))
    return found


def _asked(strings: Tensor, skipped: int) -> tuple[Tensor, Tensor]:
    """Inputs and targets (count, L), both without the first `skipped` symbols; padding is read as symbol 0."""
    return strings[:, skipped:-1].clamp(min=0), strings[:, skipped + 1 :]


def _scored(model: nn.Module, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    scored = targets != IGNORED
    return at_least_float32(model(inputs)[scored]), targets[scored]


def _octaves(length: int) -> Tensor:
    """(L,): the power of two at or below each position, counted from 1."""
    return 1 << torch.arange(1, length + 1).log2().long()
