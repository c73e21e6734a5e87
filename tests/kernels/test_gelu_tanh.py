"""The approximation of gelu against its definition."""

from __future__ import annotations

import pytest
import torch
from compare_kernels import agree, ways

from seqlab.kernels.gelu_tanh import gelu_tanh
from seqlab.kernels.gelu_tanh.native import NATIVE
from seqlab.kernels.gelu_tanh.reference import gelu_tanh_reference


@ways(NATIVE)
@pytest.mark.usefixtures("native_kernels")
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [(1,), (5, 7), (3, 40, 130), (2, 16)])
def test_values_and_gradients(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    agree(gelu_tanh, gelu_tanh_reference, 5 * torch.randn(shape), dtype=dtype)


@ways(NATIVE)
@pytest.mark.usefixtures("native_kernels")
def test_far_from_zero() -> None:
    """It is x on the right and 0 on the left, and what is no number stays none."""
    x = torch.tensor([100.0, 1e4, -12.0, -100.0, -1e4, float("nan")], requires_grad=True)
    y = gelu_tanh(x)
    y[:-1].sum().backward()
    assert x.grad is not None
    assert y[:5].tolist() == pytest.approx([100.0, 1e4, 0.0, 0.0, 0.0], abs=1e-12)
    assert x.grad[:5].tolist() == pytest.approx([1.0, 1.0, 0.0, 0.0, 0.0], abs=1e-12)
    assert y[5].isnan()
