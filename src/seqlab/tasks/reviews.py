"""Text of the Long Range Arena: is a film review for or against, read byte by byte?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from seqlab.data.cache import sha256
from seqlab.data.labelled import Labelled
from seqlab.data.reviews import Reviews as Texts
from seqlab.data.reviews import read_reviews
from seqlab.data.signature import Signature
from seqlab.data.text import absolute
from seqlab.spec import Field
from seqlab.tasks import Task
from seqlab.tasks.shared.bag_of_words import tfidf_floor
from seqlab.tasks.shared.sequences import PADDING, PreparedSequences, byte_rows

__all__ = ["PreparedReviews", "Reviews"]


class Reviews(Task):
    """Sentiment of IMDB reviews as bytes: the task Text of arXiv 2011.04006, with 256 bytes and a padding symbol.

    Other than there, validation is a tenth of the training reviews and not the test, and reviews that occur in two
    splits are left out of the one that is trained on. The published length is 4096 (S4 and its kin) or 1000 to 4000.
    """

    path: str
    """`card:imdb`, which holds the 25,000 training reviews alone, or the official folder aclImdb, unpacked."""
    length: int = Field(default=4096, ge=1)
    """Bytes of a row; a longer review is cut there, as published."""

    def located(self) -> dict[str, str]:
        return {"path": _hash(read_reviews(self.path))}

    def anchored(self) -> Reviews:
        return replace(self, path=absolute(self.path))

    def foretold(self) -> Signature:
        return Signature(vocabulary=PADDING + 1, length=self.length, classes=2, padding=PADDING)

    def prepare(self) -> PreparedReviews:
        return PreparedReviews(self)


class PreparedReviews(PreparedSequences):
    """The three splits, which share no review."""

    def __init__(self, spec: Reviews) -> None:
        self.spec = spec
        splits = read_reviews(spec.path)
        super().__init__(spec.foretold(), {name: _padded(part, spec.length) for name, part in splits.items()})
        self.fingerprints = {"reviews": _hash(splits)}

    def slow_floors(self) -> dict[str, Any]:
        """Logistic regression on TF-IDF of the same bytes: as good on reviews as published sequence models are."""
        return {"tfidf": tfidf_floor(self.rows("train", 0), self.rows("val", 0), self.signature.outputs)}


def _padded(part: Texts, length: int) -> Labelled:
    return Labelled(byte_rows(part.texts, length), part.labels)


def _hash(splits: dict[str, Texts]) -> str:
    return sha256("".join(splits[name].sha256 for name in ("train", "test")).encode())
