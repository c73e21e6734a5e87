"""Neighbours against every two sequences compared."""

from __future__ import annotations

import pytest
import torch
from compare_kernels import ways

from seqlab.kernels.neighbours import neighbours
from seqlab.kernels.neighbours.native import NATIVE
from seqlab.kernels.neighbours.reference import neighbours_reference


@ways(NATIVE)
@pytest.mark.parametrize("gap", [-1, 0, 3])
@pytest.mark.parametrize(("sequences", "length"), [(1, 1), (9, 5), (20, 64), (300, 65), (33, 130)])
def test_counts(sequences: int, length: int, gap: int) -> None:
    letters = torch.randint(4, (1, length)).repeat(sequences, 1)
    other = torch.rand(sequences, length) < torch.rand(sequences, 1)
    letters[other] = torch.randint(4, (int(other.sum()),))
    least = torch.randint(length + 2, (sequences,))
    assert neighbours(letters, least, gap).equal(neighbours_reference(letters, least, gap))


@ways(NATIVE)
def test_any_strides() -> None:
    letters = torch.randint(4, (9, 7))
    turned, least = letters.t().contiguous().t(), torch.randint(8, (9, 2))[:, 0]
    assert neighbours(turned, least, 2).equal(neighbours_reference(letters, least, 2))
