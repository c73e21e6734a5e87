"""Text: predict the next symbol (byte, character or token) of any file or data card.

The last 10 % of the bytes are the validation split and are never trained on.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from seqlab.data.floors import ngram_floor
from seqlab.data.signature import Signature
from seqlab.data.symbols import Bytes, Characters, Symbols
from seqlab.data.text import TextSource, file_name, read_text, split
from seqlab.data.tokenizer import Tokenizer
from seqlab.spec import Field, SpecError
from seqlab.tasks import Task
from seqlab.tasks.shared.alphabets import anchored_text, check_alphabet, located_text
from seqlab.tasks.shared.bits import bit_accuracy_of_guess
from seqlab.tasks.shared.windows import WindowedText

__all__ = ["PreparedText", "Text"]


class Text(Task):
    """Next-symbol prediction over bytes, the characters that occur, or a tokenizer's tokens."""

    path: str = "card:sotu"
    """A text file, or `card:NAME` (see `seqlab data ls`)."""
    symbols: Literal["bytes", "characters", "tokenizer"] = "bytes"
    """The alphabet: 256 bytes, the characters that occur in the text, or `tokenizer`."""
    tokenizer: str | None = None
    """A tokenizer.json, or `card:gpt2-tokenizer` ...; needs the extra `seqlab[hf]`."""
    lowercase: bool = False
    """Whether the capital letters A to Z become small ones before anything else."""
    length: int = Field(default=256, ge=1)
    """Symbols in a training window."""
    validation: float = Field(default=0.1, gt=0, lt=1)
    """Fraction of the bytes, at the end, that is held out for validation."""
    test: float = Field(default=0.0, ge=0, lt=1)
    """Fraction of the bytes, after validation, that is scored once, at the end."""
    overlap: float = Field(default=0.5, ge=0, lt=1)
    """Share of each evaluation window that the one before it scored already and that serves as context: every symbol
    is scored once, with at least that many symbols before it (but for the first window)."""
    evaluation_length: int | None = Field(default=None, ge=1)
    """Symbols in an evaluation window, for mixers that run beyond their training length; none: `length`."""
    subset_bytes: int = Field(default=65536, ge=1)
    """Size of the fixed subset of the validation split that is scored during training."""

    bit_accuracy: bool = False
    """Whether `bit_accuracy` is scored too, the share of bits whose probability is within 0.2 of what they are; of
    bytes."""

    def check(self) -> None:
        check_alphabet(self, self.symbols, self.tokenizer)
        if self.validation + self.test >= 1:
            raise SpecError("tasks/text: `validation` and `test` leave nothing to train on; make them smaller.")
        if self.bit_accuracy and self.symbols != "bytes":
            raise SpecError(
                f"tasks/text: `bit_accuracy` is of bytes, and `symbols` is {self.symbols}; leave one of them out."
            )

    @property
    def window(self) -> int:
        """Symbols in an evaluation window."""
        return self.evaluation_length or self.length

    def located(self) -> dict[str, str]:
        return located_text(self)

    def anchored(self) -> Text:
        return anchored_text(self)

    def foretold(self) -> Signature | None:
        sized = Signature(vocabulary=Bytes.size, length=max(self.length, self.window))
        return sized if self.symbols == "bytes" else None

    def prepare(self) -> PreparedText:
        return PreparedText(self)


class PreparedText(WindowedText):
    """A text, encoded and split."""

    spec: Text

    def __init__(self, spec: Text) -> None:
        source = read_text(spec.path)
        self.title = source.title
        if spec.lowercase:
            source = replace(source, data=_lowered(source.data))
        symbols = _alphabet(spec, source)
        self.fingerprints = {file_name(spec.path): source.sha256}
        if isinstance(symbols, Tokenizer):
            self.fingerprints[file_name(symbols.location)] = symbols.sha256
        parts = split(source.data, spec.validation, spec.test, whole_characters=spec.symbols != "bytes")
        self.bytes = {"train": parts.train, "val": parts.valid, **({"test": parts.test} if spec.test else {})}
        encoded = {name: symbols.encode(data) for name, data in self.bytes.items()}
        super().__init__(spec, symbols, encoded, place=spec.path)
        if spec.bit_accuracy:
            self.scores_bits, self.metrics = True, (*self.metrics, "bit_accuracy")

    def floors(self) -> dict[str, Any]:
        found = super().floors()
        if self.scores_bits:
            counts = torch.from_numpy(np.bincount(self.encoded["train"], minlength=self.symbols.size)).double()
            asked = torch.from_numpy(self.encoded["val"].astype(np.int64))
            for name, count in (("uniform", torch.ones_like(counts)), ("unigram", counts)):
                found[name]["bit_accuracy"] = bit_accuracy_of_guess(count / count.sum(), asked)
        return found

    def slow_floors(self) -> dict[str, Any]:
        return {"ngram": ngram_floor(self.bytes["train"], self.bytes["val"], self._bytes_per_symbol("val"))}


def _lowered(data: NDArray[np.uint8]) -> NDArray[np.uint8]:
    capital = (data >= ord("A")) & (data <= ord("Z"))
    return np.where(capital, data + np.uint8(32), data)


def _alphabet(spec: Text, source: TextSource) -> Symbols:
    match spec.symbols:
        case "bytes":
            return Bytes()
        case "characters":
            return Characters.of(source.data)
        case "tokenizer":
            assert spec.tokenizer is not None  # Text.check
            return Tokenizer(spec.tokenizer)
