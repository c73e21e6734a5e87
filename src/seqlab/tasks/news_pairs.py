"""A stand-in for Retrieval of the Long Range Arena that anyone can get: are two articles of one outlet?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from seqlab.data import DataError
from seqlab.data.labelled import Labelled
from seqlab.data.signature import Signature
from seqlab.data.streams import numpy_stream
from seqlab.data.tables import located, read_table
from seqlab.data.text import absolute, file_name, read_text
from seqlab.spec import Field
from seqlab.tasks import Task
from seqlab.tasks.shared.sequences import PADDING, PreparedSequences, byte_rows

__all__ = ["NewsPairs", "PreparedNewsPairs"]

COLUMNS = ("outlet", "text")
SHARES = {"train": 0.8, "val": 0.1, "test": 0.1}
"""Of the articles: no article of one split stands in a pair of another."""


class NewsPairs(Task):
    """Pairs of articles as bytes, two classes: of one outlet, or of two. Names of outlets and their addresses are
    masked in `card:news`, and exact repeats dropped, so that what is left is how and about what they write."""

    path: str
    """A table of an outlet, a tab and a text in each row."""
    length: int = Field(default=1000, ge=1)
    """Bytes of an article; a longer one is cut there."""
    training: int = Field(default=20_000, ge=2, multiple_of=2)
    """Training pairs, half of them of one outlet."""
    held_out: int = Field(default=2000, ge=2, multiple_of=2)
    """Pairs of the validation and of the test split."""
    seed: int = Field(default=0, ge=0)
    """Which articles are held out, and which stand together."""

    def located(self) -> dict[str, str]:
        return {"path": read_text(self.path, role="table").sha256}

    def anchored(self) -> NewsPairs:
        return replace(self, path=absolute(self.path))

    def foretold(self) -> Signature:
        return Signature(vocabulary=PADDING + 1, length=self.length, classes=2, padding=PADDING, documents=2)

    def prepare(self) -> PreparedNewsPairs:
        return PreparedNewsPairs(self)


class PreparedNewsPairs(PreparedSequences):
    """The three splits: rows (N, 2, L)."""

    def __init__(self, spec: NewsPairs) -> None:
        self.spec = spec
        outlets, texts = _articles(spec.path)
        padded = byte_rows(texts, spec.length)
        kept = {
            split: _pairs(padded, outlets, places, spec.training if split == "train" else spec.held_out, spec, split)
            for split, places in _split(len(texts), spec.seed).items()
        }
        super().__init__(spec.foretold(), kept)
        self.fingerprints = {file_name(spec.path): spec.located()["path"]}


def _articles(path: str) -> tuple[NDArray[np.int64], list[bytes]]:
    """The outlet of each article, as a number, and its text."""
    outlets, texts = zip(*(row for _, row in read_table(located(path), COLUMNS, header=False)), strict=True)
    _, numbers = np.unique(outlets, return_inverse=True)
    return numbers.astype(np.int64), [text.encode() for text in texts]


def _split(count: int, seed: int) -> dict[str, NDArray[np.int64]]:
    order = numpy_stream(seed, "held-out articles").permutation(count)
    ends = np.cumsum([round(count * share) for share in SHARES.values()][:-1])
    return dict(zip(SHARES, np.split(order, ends), strict=True))


def _pairs(
    padded: NDArray[np.uint16],
    outlets: NDArray[np.int64],
    places: NDArray[np.int64],
    count: int,
    spec: NewsPairs,
    split: str,
) -> Labelled:
    """Every other pair is of one outlet. The first article is any, the second any other that fits."""
    drawn = numpy_stream(spec.seed, f"pairs of {split}")
    by_outlet = {outlet: places[outlets[places] == outlet] for outlet in np.unique(outlets[places])}
    if len(by_outlet) < 2 or min(map(len, by_outlet.values())) < 2:
        raise DataError(
            f"the {split} part of {spec.path} needs two outlets, each with two articles; give a larger file"
        )
    labels = np.arange(count, dtype=np.int64) % 2
    first = drawn.choice(places, count)
    second = [
        _another(drawn, one, by_outlet[outlets[one]] if label else places[outlets[places] != outlets[one]])
        for one, label in zip(first, labels, strict=True)
    ]
    return Labelled(np.stack([padded[first], padded[second]], axis=1), labels)


def _another(drawn: np.random.Generator, one: np.int64, among: NDArray[np.int64]) -> np.int64:
    while True:
        other: np.int64 = drawn.choice(among)
        if other != one:
            return other
