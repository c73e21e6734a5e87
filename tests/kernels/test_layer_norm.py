"""The layer norm against its definition."""

from __future__ import annotations

import pytest
import torch
from compare_kernels import agree, ways

from seqlab.kernels.layer_norm import layer_norm
from seqlab.kernels.layer_norm.native import NATIVE
from seqlab.kernels.layer_norm.reference import layer_norm_reference

DTYPES = pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])


@ways(NATIVE)
@pytest.mark.usefixtures("native_kernels")
@DTYPES
@pytest.mark.parametrize("shape", [(3,), (5, 7), (2, 3, 16), (2, 5, 3, 40), (300, 100)])
def test_values_and_gradients(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    agree(layer_norm, layer_norm_reference, torch.randn(shape), dtype=dtype)


@ways(NATIVE)
@pytest.mark.usefixtures("native_kernels")
@DTYPES
def test_heads_among_others(dtype: torch.dtype) -> None:
    """As queries and keys lie between the values of one projection."""

    def of(f):
        return lambda x: f(x[:, 1:, 2:5])

    agree(of(layer_norm), of(layer_norm_reference), torch.randn(2, 5, 6, 24), dtype=dtype)


@ways(NATIVE)
@pytest.mark.usefixtures("native_kernels")
def test_a_mean_far_from_zero() -> None:
    """The variance is that of the differences from the mean: 2^-23 of the mean is what float32 has lost already."""
    x = torch.randn(4, 64, dtype=torch.float64)
    y = layer_norm((x + 1000).float()).double()
    assert (y - layer_norm_reference(x)).abs().max() < 10 * 1000 * 2**-23


@ways(NATIVE)
@pytest.mark.usefixtures("native_kernels")
def test_second_derivatives() -> None:
    x = torch.randn(3, 7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(layer_norm, (x,))
