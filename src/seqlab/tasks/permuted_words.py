"""Permuted words: a stream of texts in which each task deals the words of one text anew (permuted Shakespeare)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from seqlab.data import DataError
from seqlab.data.signature import Signature
from seqlab.data.streams import numpy_stream
from seqlab.data.symbols import Bytes
from seqlab.data.text import file_name, read_text
from seqlab.data.tokenizer import Tokenizer
from seqlab.spec import Field
from seqlab.tasks import Batch, PreparedTask, Task
from seqlab.tasks.shared.alphabets import anchored_text, check_alphabet, located_text
from seqlab.tasks.shared.windows import WindowedText

__all__ = ["PermutedWords", "PreparedPermutedWords"]


class PermutedWords(Task):
    """Predict the next symbol of a text whose words have traded places in the dictionary: each task has a bijection of
    the words of its own, so its grammar is known and its words are new.

    Source: permuted Shakespeare of ajozefiak/SelfNormalizedResets: the text is split at white space, its words are
    dealt anew, joined by spaces and tokenized, and a task has the first symbols of that. Words are sorted before they
    are dealt; in the source their order, and so each task, hung on Python's seed of hashes. A space stands before
    every word, the first too. The measure is train/loss in the last epoch of each task.
    """

    path: str = "card:sotu"
    """A text file, or `card:NAME` (see `seqlab data ls`)."""
    symbols: Literal["bytes", "tokenizer"] = "bytes"
    """The alphabet: 256 bytes, or `tokenizer`."""
    tokenizer: str | None = None
    """A tokenizer.json, or `card:gpt2-tokenizer` ...; needs the extra `seqlab[hf]`."""
    length: int = Field(default=128, ge=1)
    """Symbols in a window."""
    training: int = Field(default=33_024, ge=1)
    """Training symbols of each task, the first of its text."""
    validation: int = Field(default=8_192, ge=1)
    """Held-out symbols of each task, those that follow."""
    tasks: int = Field(default=1, ge=1)
    """Tasks of the stream, one after the other; each is trained for the whole of `budget`."""
    overlap: float = Field(default=0.5, ge=0, lt=1)
    """Share of each evaluation window that the one before it scored already and that serves as context."""
    subset_bytes: int = Field(default=65536, ge=1)
    """Size of the fixed subset of the held-out symbols that is scored during training."""
    seed: int = Field(default=0, ge=0)
    """Of the stream's draws; the experiment's seed decides the order of reading."""

    def check(self) -> None:
        check_alphabet(self, self.symbols, self.tokenizer)

    @property
    def window(self) -> int:
        """Symbols in an evaluation window."""
        return self.length

    def located(self) -> dict[str, str]:
        return located_text(self)

    def anchored(self) -> PermutedWords:
        return anchored_text(self)

    def foretold(self) -> Signature | None:
        return Signature(vocabulary=Bytes.size, length=self.length) if self.symbols == "bytes" else None

    def prepare(self) -> PreparedPermutedWords:
        return PreparedPermutedWords(self)


class PreparedPermutedWords(PreparedTask):
    """The words of the text, and the texts of the tasks, made when they are first needed."""

    metrics = WindowedText.metrics
    forward_only = True

    def __init__(self, spec: PermutedWords) -> None:
        self.spec, self.stages, self.row_tokens = spec, spec.tasks, spec.length
        source = read_text(spec.path)
        self.symbols = Bytes() if spec.tokenizer is None else Tokenizer(spec.tokenizer)
        self.signature = Signature(vocabulary=self.symbols.size, length=spec.length)
        self.fingerprints = {file_name(spec.path): source.sha256}
        if isinstance(self.symbols, Tokenizer):
            self.fingerprints[file_name(self.symbols.location)] = self.symbols.sha256
        words, self.occurring = np.unique(source.data.tobytes().split(), return_inverse=True)
        self.codes = [self.symbols.encode(b" " + word) for word in words.tolist()]
        self._text = lru_cache(maxsize=2)(self._dealt)
        self._text(0)

    def _dealt(self, stage: int) -> WindowedText:
        """The text of a task."""
        dealt = numpy_stream(self.spec.seed, "words", stage).permutation(len(self.codes))
        wanted = self.spec.training + self.spec.validation
        lengths = np.array([len(code) for code in self.codes])[dealt][self.occurring]
        count = int(np.searchsorted(np.cumsum(lengths), wanted)) + 1
        if lengths.sum() < wanted:
            raise DataError(
                f"{self.spec.path}: the words of task {stage + 1} make {lengths.sum():,} symbols, and {wanted:,} are "
                "needed; ask for fewer (`task.training`, `task.validation`), or take a longer text"
            )
        text = np.concatenate([self.codes[dealt[word]] for word in self.occurring[:count]])[:wanted]
        parts = {"train": text[: self.spec.training], "val": text[self.spec.training :]}
        return WindowedText(self.spec, self.symbols, parts, place=self.spec.path, signature=self.signature)

    def batch(self, seed: int, step: int, size: int, stage: int = 0) -> Batch:
        return self._text(stage).batch(seed, step, size)

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        return self._text(0).loss(model, batch)

    def evaluate(self, model: nn.Module, split: str, *, subset: bool = False, stage: int = 0) -> dict[str, float]:
        return self._text(stage).evaluate(model, split, subset=subset)

    def held_out_inputs(self, rows: int) -> tuple[Tensor, ...]:
        return self._text(0).held_out_inputs(rows)

    def examples(self, split: str) -> NDArray[Any]:
        """Those of the first task."""
        return self._text(0).examples(split)

    def floors(self) -> dict[str, Any]:
        """Of the last task."""
        return self._text(self.stages - 1).floors()

    def check_batch(self, size: int) -> None:
        self._text(0).check_batch(size)

    def assets(self) -> dict[str, Any]:
        return self._text(0).assets()
