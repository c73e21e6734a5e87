"""Hyena's recurrence against its definition, in C++ and part by part."""

from __future__ import annotations

import pytest
import torch
from compare_kernels import agree, ways
from torch import Tensor

from seqlab.kernels.gated_convolutions import gated_convolutions
from seqlab.kernels.gated_convolutions.native import NATIVE
from seqlab.kernels.gated_convolutions.reference import gated_convolutions_reference

# b, l, order, d, short taps, taps
SHAPES = [
    (1, 1, 2, 1, 1, 1),
    (2, 2, 2, 3, 3, 5),
    (2, 17, 2, 9, 3, 17),
    (1, 33, 3, 17, 5, 20),
    (3, 6, 4, 2, 1, 6),
    (1, 150, 2, 1, 2, 150),
]
native_and_torch = ways(NATIVE)


def arguments(b: int, length: int, order: int, d: int, short: int, taps: int) -> list[Tensor]:
    """Inputs whose products over all gates stay near 1."""
    slots = order + 1
    projected, weight, bias = torch.randn(b, length, slots, d), torch.randn(slots, d, short), torch.randn(slots, d)
    return [projected, weight, bias, torch.randn(order - 1, d, taps) / taps, torch.randn(order - 1, d)]


@native_and_torch
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", SHAPES)
def test_values_and_gradients(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    given = arguments(*shape)
    agree(gated_convolutions, gated_convolutions_reference, *given, dtype=dtype)
    agree(gated_convolutions, gated_convolutions_reference, *given, torch.randn(given[3].shape), dtype=dtype)


@native_and_torch
def test_gradients_by_differences() -> None:
    given = [tensor.double().requires_grad_() for tensor in arguments(2, 5, 3, 2, 3, 4)]
    back = torch.randn(2, 2, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(gated_convolutions, (*given, back))


@native_and_torch
def test_float32_taps_beside_bf16_input() -> None:
    projected, weight, bias, taps, skip = arguments(1, 40, 2, 5, 3, 40)
    narrow = [tensor.bfloat16() for tensor in (projected, weight, bias)]
    y = gated_convolutions(*narrow, taps, skip)
    assert y.dtype == torch.bfloat16
    exact = gated_convolutions_reference(*(tensor.double() for tensor in (*narrow, taps, skip)))
    assert (y - exact).abs().max() <= 4e-3 * exact.abs().max()


def test_dropout_drops_what_enters_a_long_convolution() -> None:
    given = arguments(1, 8, 2, 3, 1, 8)
    y = gated_convolutions(*given, dropout=1 - 1e-6)
    assert (y == 0).all()
