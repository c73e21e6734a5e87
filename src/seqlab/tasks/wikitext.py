"""WikiText-103 and WikiText-2: the next token of Wikipedia's good articles, with the published splits.

Perplexities of tokens, words and bytes stand side by side, for papers give one or another and they cannot be compared.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cached_property
from typing import Any

from torch import nn

from seqlab.data import DataError, cache
from seqlab.data.floors import cheap_floors, ngram_floor
from seqlab.data.signature import Signature
from seqlab.data.text import absolute, file_name
from seqlab.data.tokenizer import Tokenizer
from seqlab.data.wikitext import FILES, Edition, count_words, read_split
from seqlab.spec import Field, SpecError
from seqlab.tasks import Task
from seqlab.tasks.shared.windows import WindowedText

__all__ = ["PreparedWikiText", "WikiText"]

FLOOR_SYMBOLS, FLOOR_BYTES = 2**24, 2**25
"""How much of the training text, from its begin, floors are counted on: all of it would not fit in memory."""


class WikiText(Task):
    """Next-token prediction on the official raw files, tokenized line by line without the blank ones.

    That is the text of HazyResearch/safari: 117,920,140 tokens of GPT-2's to train on in WikiText-103. As there,
    evaluation windows do not overlap; other than there, no last part is left out, and training windows begin at
    another offset in every epoch.
    """

    folder: str
    """The folder with wiki.train.raw, wiki.valid.raw and wiki.test.raw."""
    edition: Edition = "wikitext-103"
    """Which text that is; its lines are counted. `own`: files of your own under these names, which are not."""
    tokenizer: str = "card:gpt2-tokenizer"
    """A byte-level tokenizer.json, or `card:NAME`; needs the extra `seqlab[hf]`."""
    vocabulary: int = Field(default=50264, ge=1)
    """Size of the model's alphabet: the tokenizer's 50,257 symbols, padded to a multiple of 8 as published."""
    length: int = Field(default=1024, ge=1)
    """Tokens in a window."""
    longest: int | None = Field(default=None, ge=1)
    """Tokens that the model is built for; none: `length`. Filters meet shorter windows with their first taps."""
    overlap: float = Field(default=0.0, ge=0, lt=1)
    """Share of each evaluation window that the one before it scored already and that serves as context."""
    subset_bytes: int = Field(default=65536, ge=1)
    """Size of the fixed subset of the validation split that is scored during training."""

    def check(self) -> None:
        if self.longest is not None and self.longest < self.length:
            raise SpecError(
                f"`task.longest` is {self.longest}, below the {self.length} tokens of a window; enlarge it."
            )

    @property
    def window(self) -> int:
        """Tokens in an evaluation window."""
        return self.length

    def located(self) -> dict[str, str]:
        files = "".join(read_split(self.folder, split, self.edition).sha256 for split in FILES)
        return {"folder": cache.sha256(files.encode()), "tokenizer": Tokenizer(self.tokenizer).sha256}

    def anchored(self) -> WikiText:
        return replace(self, folder=absolute(self.folder), tokenizer=absolute(self.tokenizer))

    def foretold(self) -> Signature:
        return Signature(vocabulary=self.vocabulary, length=self.longest or self.length)

    def prepare(self) -> PreparedWikiText:
        return PreparedWikiText(self)


class PreparedWikiText(WindowedText):
    """The three files, tokenized; long ones are kept in the cache."""

    metrics = (*WindowedText.metrics, "perplexity", "word_perplexity", "byte_perplexity")
    spec: WikiText

    def __init__(self, spec: WikiText) -> None:
        sources = {split: read_split(spec.folder, split, spec.edition) for split in FILES}
        symbols = Tokenizer(spec.tokenizer)
        if symbols.size > spec.vocabulary:
            raise DataError(
                f"`task.vocabulary` is {spec.vocabulary:,} and {spec.tokenizer} has {symbols.size:,} symbols; "
                "set it to at least that"
            )
        self.fingerprints = {FILES[split]: source.sha256 for split, source in sources.items()}
        self.fingerprints[file_name(spec.tokenizer)] = symbols.sha256
        self.bytes = {split: source.data for split, source in sources.items()}
        encoded = {split: symbols.encode_lines(data) for split, data in self.bytes.items()}
        super().__init__(spec, symbols, encoded, place=spec.folder, signature=spec.foretold())

    def evaluate(self, model: nn.Module, split: str, *, subset: bool = False, stage: int = 0) -> dict[str, float]:
        """What every text has, and e^loss for each token, for each word (a line's end is one) and for each byte.

        Words of a subset are its bytes over the split's mean bytes of a word.
        """
        measured = super().evaluate(model, split, subset=subset)
        nats_per_byte = measured["bits_per_byte"] * math.log(2)
        return measured | {
            "perplexity": _exponential(measured["loss"]),
            "word_perplexity": _exponential(nats_per_byte * self._bytes_per_word[split]),
            "byte_perplexity": _exponential(nats_per_byte),
        }

    @cached_property
    def _bytes_per_word(self) -> dict[str, float]:
        return {split: self._bytes_of(split) / count_words(self.bytes[split]) for split in self.splits()}

    def floors(self) -> dict[str, Any]:
        return dict(cheap_floors(self.encoded["train"][:FLOOR_SYMBOLS], self.encoded["val"], self.symbols))

    def slow_floors(self) -> dict[str, Any]:
        return {
            "ngram": ngram_floor(self.bytes["train"][:FLOOR_BYTES], self.bytes["val"], self._bytes_per_symbol("val"))
        }


def _exponential(nats: float) -> float:
    """e^nats; infinity where that is no number any more, as before training it may be for words."""
    return math.exp(nats) if nats < 700 else math.inf
