"""Articles: a stream of tasks, each of which tells two classes of texts apart (continual news classification)."""

from __future__ import annotations

from itertools import combinations
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqlab.data import DataError
from seqlab.data.articles import read_articles
from seqlab.data.labelled import Labelled, class_floors
from seqlab.data.ragged import Ragged
from seqlab.data.signature import Signature
from seqlab.data.streams import numpy_stream
from seqlab.data.text import file_name
from seqlab.data.tokenizer import Tokenizer, smallest_unsigned
from seqlab.spec import Field
from seqlab.tasks import Task
from seqlab.tasks.shared.alphabets import anchored_text, check_alphabet
from seqlab.tasks.shared.classification import PreparedClassification
from seqlab.tasks.shared.sequences import PADDING, byte_rows

__all__ = ["Articles", "PreparedArticles"]


class Articles(Task):
    """Which of two publications is a text of? Each task has a pair of its own, with a padding symbol behind each text.

    Source: the experiments on All The News of ajozefiak/CL-transformers: two random publications a task, 512 articles
    of each, once through. There each task took the first articles of a publication, so that tasks repeated data; here
    they are drawn anew for each task. Texts that occur twice in the file are taken once. The names of outlets within
    the texts are left as they are, and may tell the answer.
    """

    path: str
    """A CSV file with a header: All The News 2.0 as it is published, or any table of texts and their classes; or
    `card:news` (9 outlets, 36 pairs) or `card:health-tweets` (16 newsrooms, 120 pairs)."""
    symbols: Literal["bytes", "tokenizer"] = "bytes"
    """The alphabet: 256 bytes, or `tokenizer`; in the source GPT-2's."""
    tokenizer: str | None = None
    """A tokenizer.json, or `card:gpt2-tokenizer` ...; needs the extra `seqlab[hf]`."""
    text_column: str = "article"
    """The column of the texts."""
    class_column: str = "publication"
    """The column of the classes."""
    length: int = Field(default=512, ge=1)
    """Symbols of a row; a longer text is cut there."""
    training: int = Field(default=512, ge=1)
    """Training texts of each class in each task, drawn at random from those that are not held out."""
    validation: int = Field(default=100, ge=1)
    """Held-out texts of each class: the last of the file, in all tasks the same."""
    tasks: int = Field(default=1, ge=1)
    """Tasks of the stream, one after the other; each is trained for the whole of `budget`."""
    repeats: bool = False
    """Whether a pair of classes may come again; else every pair occurs once at most."""
    seed: int = Field(default=0, ge=0)
    """Of the stream's draws (pairs, texts); the experiment's seed decides the order of reading."""

    def check(self) -> None:
        check_alphabet(self, self.symbols, self.tokenizer)

    def located(self) -> dict[str, str]:
        places = {"path": read_articles(self.path, self.text_column, self.class_column).sha256}
        if self.tokenizer is not None:
            places["tokenizer"] = Tokenizer(self.tokenizer).sha256
        return places

    def anchored(self) -> Articles:
        return anchored_text(self)

    def foretold(self) -> Signature | None:
        return self.signature(PADDING) if self.symbols == "bytes" else None

    def signature(self, padding: int) -> Signature:
        """padding: the first number that is no symbol."""
        return Signature(vocabulary=padding + 1, length=self.length, classes=2, padding=padding)

    def prepare(self) -> PreparedArticles:
        return PreparedArticles(self)


class PreparedArticles(PreparedClassification):
    """The texts by class; the rows of a task are drawn when they are first needed."""

    def __init__(self, spec: Articles) -> None:
        self.tokenizer = Tokenizer(spec.tokenizer) if spec.tokenizer is not None else None
        self.padding = self.tokenizer.size if self.tokenizer is not None else PADDING
        super().__init__(spec.signature(self.padding), spec.tasks)
        self.spec, self.row_tokens = spec, spec.length
        source = read_articles(spec.path, spec.text_column, spec.class_column)
        self.fingerprints = {file_name(spec.path): source.sha256}
        if self.tokenizer is not None:
            self.fingerprints[file_name(self.tokenizer.location)] = self.tokenizer.sha256
        self.texts = source.texts
        self.pairs = list(combinations(self.texts, 2))
        self._check()

    def _check(self) -> None:
        spec = self.spec
        needed = spec.training + spec.validation
        for name, texts in self.texts.items():
            if len(texts) < needed:
                raise DataError(
                    f"{spec.path}: the class {name} has {len(texts):,} different texts, and {needed:,} are needed; ask "
                    "for fewer (`task.training`, `task.validation`), or take its rows out of the file"
                )
        if spec.tasks > len(self.pairs) and not spec.repeats:
            raise DataError(
                f"{spec.path} has {len(self.texts)} classes, which make {len(self.pairs)} pairs, and `task.tasks` asks "
                f"for {spec.tasks}; ask for fewer, or set `task.repeats=true`"
            )

    def classes_of(self, stage: int) -> tuple[str, str]:
        """The classes of a task; its label i is the i-th of them."""
        if self.spec.repeats:
            return self.pairs[int(numpy_stream(self.spec.seed, "articles/pairs", stage).integers(len(self.pairs)))]
        return self.pairs[int(numpy_stream(self.spec.seed, "articles/pairs").permutation(len(self.pairs))[stage])]

    def rows(self, split: str, stage: int) -> Labelled:
        held_out = self.spec.validation
        chosen: list[bytes] = []
        for label, name in enumerate(self.classes_of(stage)):
            texts = self.texts[name]
            if split == "train":
                draw = numpy_stream(self.spec.seed, "articles/texts", stage, label)
                places = draw.permutation(len(texts) - held_out)[: self.spec.training]
                chosen += [texts[place] for place in places]
            else:
                chosen += texts[-held_out:]
        return Labelled(self._symbols(chosen), np.repeat(np.arange(2), len(chosen) // 2))

    def _symbols(self, texts: list[bytes]) -> NDArray[Any]:
        """Rows (N, length): the texts, cut where they are longer, with padding behind the others."""
        if self.tokenizer is None:
            return byte_rows(texts, self.spec.length)
        dtype = smallest_unsigned(self.padding + 1)
        encoded = [self.tokenizer.encode(text)[: self.spec.length].astype(dtype) for text in texts]
        return Ragged.of(encoded).padded(self.padding, self.spec.length)

    def read(self, inputs: NDArray[Any]) -> Tensor:
        """Rows as a model reads them: int64."""
        return torch.from_numpy(inputs.astype(np.int64))

    def floors(self) -> dict[str, Any]:
        last = self.stages - 1
        return dict(class_floors(self.rows("train", last), self.rows("val", last), 2))
