"""Texts with a class each: a data card of labelled texts, or the official folder of IMDB reviews (aclImdb)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seqlab.data import DataError
from seqlab.data.cache import sha256
from seqlab.data.duplicates import apart
from seqlab.data.streams import numpy_stream
from seqlab.data.tables import located, read_table, whole_number
from seqlab.data.text import is_card, read_text

__all__ = ["Reviews", "read_reviews"]

CLASSES = ("neg", "pos")
OFFICIAL = 12_500
"""Reviews of each class in each part of the official archive."""


@dataclass(frozen=True)
class Reviews:
    """The bytes of each text, the classes (N,) int64 from 0, and the hash of all."""

    texts: list[bytes]
    labels: NDArray[np.int64]
    sha256: str

    def taken(self, places: NDArray[np.int64]) -> Reviews:
        """Those at these places."""
        return Reviews([self.texts[place] for place in places], self.labels[places], self.sha256)


def read_reviews(location: str) -> dict[str, Reviews]:
    """Training, validation and test reviews of `card:NAME` or of the official folder, without training texts that are
    held out and validation texts that are in the test.

    A card holds the official training part alone: every fifth text is the test. Of what is left for training every
    tenth text is the validation. Texts come sorted by class; the order of each split is a random one, always the same,
    so that its first rows are of both. Raises DataError in one sentence for what it is not.
    """
    if is_card(location):
        whole = _of_card(location)
        is_test = np.arange(len(whole.labels)) % 5 == 0
        train, test = (whole.taken(np.flatnonzero(chosen)) for chosen in (~is_test, is_test))
    else:
        train, test = (_of_folder(Path(location).expanduser(), part) for part in ("train", "test"))
    is_val = np.arange(len(train.labels)) % 10 == 0
    splits = {"train": train.taken(np.flatnonzero(~is_val)), "val": train.taken(np.flatnonzero(is_val)), "test": test}
    places = apart({split: part.texts for split, part in splits.items()})
    return {split: part.taken(_mixed(places[split])) for split, part in splits.items()}


def _mixed(places: NDArray[np.int64]) -> NDArray[np.int64]:
    """The places in another order."""
    return numpy_stream(0, "reviews").permutation(places)


def _of_card(location: str) -> Reviews:
    source, path = read_text(location, "table"), located(location)
    labels, texts = [], []
    for line, (label, text) in read_table(path, ("label", "text"), header=False):
        labels.append(whole_number(label, len(CLASSES), path, line))
        texts.append(text.encode())
    return Reviews(texts, np.array(labels, np.int64), source.sha256)


def _of_folder(folder: Path, part: str) -> Reviews:
    texts: list[bytes] = []
    for name in CLASSES:
        here = folder / part / name
        files = sorted(here.glob("*.txt"))
        if len(files) != OFFICIAL:
            raise DataError(
                f"{here} holds {len(files):,} reviews and the official one {OFFICIAL:,}: give the folder aclImdb "
                "of aclImdb_v1.tar.gz as it is, or card:imdb (seqlab data ls)"
            )
        texts += [file.read_bytes() for file in files]
    if (empty := next((place for place, text in enumerate(texts) if not text), None)) is not None:
        raise DataError(
            f"review {empty + 1:,} of {folder / part} is empty, so it was cut off; unpack the archive again"
        )
    labels = np.repeat(np.arange(len(CLASSES)), OFFICIAL)
    return Reviews(texts, labels, sha256(b"\0".join(texts)))
