"""The short convolution against its definition."""

from __future__ import annotations

import pytest
import torch
from compare_kernels import agree, ways

from seqlab.kernels.short_convolution import short_convolution
from seqlab.kernels.short_convolution.native import NATIVE
from seqlab.kernels.short_convolution.reference import short_convolution_reference

SHAPES = [(1, 1, 1, 1), (2, 2, 3, 4), (2, 9, 3, 3), (1, 3, 4, 5), (1, 67, 17, 3)]
native_and_torch = ways(NATIVE)


@native_and_torch
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize(("b", "length", "d", "taps"), SHAPES)
def test_values_and_gradients(b: int, length: int, d: int, taps: int, with_bias: bool, dtype: torch.dtype) -> None:
    x, weight, bias = torch.randn(b, length, d), torch.randn(d, taps), torch.randn(d) if with_bias else None
    agree(short_convolution, short_convolution_reference, x, weight, bias, dtype=dtype)


@native_and_torch
@pytest.mark.parametrize("features_last", [True, False])
def test_any_strides_and_a_second_derivative(features_last: bool) -> None:
    x = torch.randn(2, 3, 7, dtype=torch.float64).transpose(1, 2)
    x = (x.contiguous() if features_last else x).requires_grad_()
    weight = torch.randn(3, 3, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(3, dtype=torch.float64, requires_grad=True)
    assert short_convolution(x, weight, bias).stride() == x.stride()
    assert torch.autograd.gradcheck(short_convolution, (x, weight, bias))
    assert torch.autograd.gradgradcheck(short_convolution, (x, weight, bias))
