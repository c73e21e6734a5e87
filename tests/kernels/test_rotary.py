"""The rotary embedding against complex numbers."""

from __future__ import annotations

import pytest
import torch
from compare_kernels import agree
from torch import Tensor

from seqlab.kernels.rotary import rotary
from seqlab.kernels.rotary.reference import rotary_reference


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("width", [2, 8])
def test_values_and_gradients(width: int, rows: int, dtype: torch.dtype) -> None:
    position = torch.randint(0, 50, (rows, 7))

    def of(f):
        return lambda x: f(x, position, 100.0)

    agree(of(rotary), of(rotary_reference), torch.randn(3, 7, 2, width), dtype=dtype)


def test_scores_depend_on_distance_alone() -> None:
    q, k = torch.randn(2, 1, 1, 1, 8, dtype=torch.float64)

    def score(a: int, b: int) -> Tensor:
        return (rotary(q, torch.tensor([[a]])) * rotary(k, torch.tensor([[b]]))).sum()

    assert torch.allclose(score(5, 2), score(105, 102), atol=1e-12)
    assert not torch.allclose(score(5, 2), score(5, 3))
