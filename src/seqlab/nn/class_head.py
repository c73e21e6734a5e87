"""From what was read of a row, or of two documents, to a logit for each class."""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqlab.nn.linear import Linear
from seqlab.spec import SpecError

__all__ = ["ClassHead", "PairHead", "class_head"]


def class_head(dim: int, documents: int, classes: int) -> ClassHead | PairHead:
    """The head of rows of one document, or of two. Raises SpecError for more."""
    if documents > 2:
        raise SpecError(f"a head compares two documents at most, and the task's inputs have {documents}.")
    return ClassHead(dim, classes) if documents == 1 else PairHead(dim, classes)


class ClassHead(Linear):
    """(B, D) -> (B, C)."""

    is_head = True  # read by optim.groups: a head is no hidden matrix

    def __init__(self, dim: int, classes: int) -> None:
        super().__init__(dim, classes)

    def flops(self) -> float:
        """Floating-point operations for one row; a multiply-add counts as 2."""
        return 2.0 * self.weight.numel()


class PairHead(nn.Module):
    """Two documents (B, 2, D) -> (B, C): [a, b, a - b, a . b], 4 D -> D, GELU, D -> C, as state-spaces/s4 has it."""

    def __init__(self, dim: int, classes: int) -> None:
        super().__init__()
        self.compare = Linear(4 * dim, dim)
        self.answer = ClassHead(dim, classes)

    def forward(self, documents: Tensor) -> Tensor:
        a, b = documents.unbind(1)
        return cast(Tensor, self.answer(F.gelu(self.compare(torch.cat([a, b, a - b, a * b], -1)))))

    def flops(self) -> float:
        """Floating-point operations for one pair; a multiply-add counts as 2."""
        return 2.0 * self.compare.weight.numel() + self.answer.flops()
