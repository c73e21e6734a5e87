"""What stands in for torch's sums in a replay leaves the very same bits."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from seqlab.kernels.twins import NATIVE, twin

pytestmark = pytest.mark.skipif(not NATIVE.usable(), reason="not compiled")
add, advance = torch.ops.aten.add.Tensor, torch.ops.aten.add_.Tensor


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [(1,), (3, 5), (2, 512)])
def test_a_sum(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    x, y = torch.randn(shape).to(dtype), torch.randn(shape).to(dtype)
    x.flatten()[0] = torch.inf
    result = torch.zeros_like(x)
    call = twin(add, (x, y), {}, result)
    assert call is not None
    y.mul_(3)
    x.view(-1)[-1], y.view(-1)[-1] = 2e-39, 1e-39  # below the least normal number
    call()
    assert result.equal(x + y)


def test_a_count() -> None:
    count = torch.tensor([3, -(2**40), 7])
    call = twin(advance, (count, 2), {}, count)
    assert call is not None
    call()
    assert count.tolist() == [5, 2 - 2**40, 9]


@pytest.mark.parametrize("count", [6, 2**17])
def test_a_conversion(count: int) -> None:
    x = torch.randn(count).to(torch.bfloat16)
    x[:4] = torch.tensor([torch.inf, -0.0, torch.nan, 1e-40])
    result = torch.zeros(count)
    call = twin(torch.ops.aten.to.dtype, (x, torch.float32), {}, result)
    assert call is not None
    x[4] = 7
    call()
    torch.testing.assert_close(result, x.float(), rtol=0, atol=0, equal_nan=True)
    assert twin(torch.ops.aten.to.dtype, (result, torch.float32), {}, result) is None


def test_rows_of_a_table() -> None:
    table, rows = torch.randn(7, 3), torch.tensor([5, 0])
    result = torch.zeros(2, 3)
    call = twin(torch.ops.aten.embedding.default, (table, rows), {}, result)
    assert call is not None
    rows[1] = 6
    call()
    assert result.equal(table[[5, 6]])
    rows[1] = 7
    with pytest.raises(IndexError):
        call()


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (torch.ones(2, 3), torch.ones(3)),
        (torch.ones(2, 3), torch.ones(3, 2).T),
        (torch.ones(2), torch.ones(2, dtype=torch.float64)),
        (torch.ones(2, dtype=torch.int64), torch.ones(2, dtype=torch.int64)),
        (torch.ones(0), torch.ones(0)),
        (torch.ones(2**17), torch.ones(2**17)),
    ],
)
def test_other_sums_are_left_to_torch(x: Tensor, y: Tensor) -> None:
    assert twin(add, (x, y), {}, x + y) is None
    assert twin(add, (x, y), {"alpha": 2}, x + y) is None
    assert twin(torch.ops.aten.mul.Tensor, (x, y), {}, x * y) is None
