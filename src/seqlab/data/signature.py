"""What a task asks of a model: the sizes that the data knows, handed to the model when it is built."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Signature"]


@dataclass(frozen=True)
class Signature:
    """The shapes at both ends of a model."""

    vocabulary: int
    """Number of symbols that can come in; a language model's output has as many."""
    length: int
    """Longest input in symbols."""
