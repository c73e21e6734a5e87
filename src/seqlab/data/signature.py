"""What a task asks of a model: the sizes that the data knows, handed to the model when it is built."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

__all__ = ["Signature"]


@dataclass(frozen=True, kw_only=True)
class Signature:
    """The shapes at both ends of a model: symbols or numbers come in; an answer at each position, one for all, or the
    numbers themselves go out."""

    vocabulary: int = 0
    """Number of symbols that can come in; 0 where numbers do. A language model's output has as many."""
    length: int = 1
    """Longest input in symbols; 1 where numbers come in."""
    shape: tuple[int, ...] | None = None
    """Shape of an input of numbers: an image (channels, height, width) or features (F,); none: symbols come in."""
    classes: int | None = None
    """Number of classes of a whole input; none: a symbol is predicted at each position, or the input made again."""
    reconstructs: bool = False
    """Whether a logit for each number of the input is asked for, whose sigmoid shall be that number."""
    padding: int | None = None
    """The symbol that fills a row up behind its last real one; none: rows are full."""
    documents: int = 1
    """Texts that make up one input of symbols: (B, L) of one, (B, documents, L) of several, each of up to `length`."""
    emits: bool = False
    """Whether `shape` numbers come in at each of up to `length` sites, and a distribution over sequences of as many
    letters, of `vocabulary` kinds, is asked for: a Potts model."""

    @property
    def outputs(self) -> int:
        """Number of answers among which a model chooses, classes, else symbols; or of numbers that it makes again."""
        if self.reconstructs:
            return math.prod(self.shape or ())
        return self.vocabulary if self.classes is None else self.classes

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Self:
        """The signature that a run's origin holds; one of an older version has fewer fields."""
        shape = saved.get("shape")
        return cls(**{**saved, "shape": None if shape is None else tuple(shape)})
