"""Classification of rows of symbols: padded to one length, each with its class; texts of bytes among them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqlab.data.labelled import Labelled, class_floors
from seqlab.data.ragged import Ragged
from seqlab.data.signature import Signature
from seqlab.tasks.shared.classification import PreparedClassification

__all__ = ["PADDING", "PreparedSequences", "byte_rows"]

PADDING = 256
"""Of rows of bytes: the first number that is no byte."""

SHOWN_SYMBOLS = 2**26
"""Symbols of a split that are shown, to be compared with another one: about two seconds' work."""


def byte_rows(texts: Sequence[bytes], length: int) -> NDArray[np.uint16]:
    """Texts as rows (N, length) of their bytes: cut where they are longer, with PADDING behind the others."""
    return Ragged.of([np.frombuffer(text[:length], np.uint8).astype(np.uint16) for text in texts]).padded(
        PADDING, length
    )


class PreparedSequences(PreparedClassification):
    """Rows of symbols (N, L), or of documents (N, documents, L), in unsigned integers, padding behind each.

    Every row has the length of the longest that the task allows, so that shapes never change.
    """

    def __init__(self, signature: Signature, splits: dict[str, Labelled]) -> None:
        super().__init__(signature)
        self.row_tokens = signature.length * signature.documents
        self._splits = splits

    def rows(self, split: str, stage: int) -> Labelled:
        return self._splits[split]

    def splits(self) -> tuple[str, ...]:
        return tuple(split for split in ("val", "test") if split in self._splits)

    def read(self, inputs: NDArray[Any]) -> Tensor:
        """Rows as a model reads them: int64."""
        return torch.from_numpy(inputs.astype(np.int64))

    def examples(self, split: str) -> NDArray[Any]:
        """The split's first rows."""
        return self._splits[split].inputs[: max(1, SHOWN_SYMBOLS // self.row_tokens)]

    def floors(self) -> dict[str, Any]:
        return dict(class_floors(self._splits["train"], self._splits["val"], self.signature.outputs))
