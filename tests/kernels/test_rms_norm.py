"""The RMS norm against its definition."""

from __future__ import annotations

import pytest
import torch
from compare_kernels import TOLERANCE, agree, ways

from seqlab.kernels.rms_norm import rms_norm
from seqlab.kernels.rms_norm.native import NATIVE
from seqlab.kernels.rms_norm.reference import rms_norm_reference


@ways(NATIVE)
@pytest.mark.usefixtures("native_kernels")
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("with_weight", [True, False])
@pytest.mark.parametrize("shape", [(1, 1), (5, 7), (2, 3, 16), (300, 100)])
def test_values_and_gradients(shape: tuple[int, ...], with_weight: bool, dtype: torch.dtype) -> None:
    weight = torch.randn(shape[-1]) if with_weight else None
    agree(rms_norm, rms_norm_reference, torch.randn(shape), weight, dtype=dtype)


def test_float32_weight_beside_bf16_input() -> None:
    x, weight = torch.randn(4, 8).bfloat16(), torch.randn(8, requires_grad=True)
    y = rms_norm(x, weight)
    y.sum().backward()
    assert y.dtype == torch.bfloat16
    assert weight.grad is not None
    assert weight.grad.dtype == torch.float32


@ways(NATIVE)
@pytest.mark.usefixtures("native_kernels")
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@torch.no_grad()
def test_values_without_gradients(dtype: torch.dtype) -> None:
    for width in (1, 7, 16, 100):
        x, weight = torch.randn(3, width).to(dtype), torch.randn(width)
        for factor in (None, weight):
            exact = rms_norm_reference(x.double(), None if factor is None else factor.double())
            y = rms_norm(x, factor)
            assert y.dtype == dtype
            assert (y.double() - exact).abs().max() <= max(TOLERANCE[dtype], 1e-7) * exact.abs().max()
