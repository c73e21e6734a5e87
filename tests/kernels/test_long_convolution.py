"""The long convolution against its Toeplitz matrix, in C++ and in torch's operations."""

from __future__ import annotations

import pytest
import torch
from compare_kernels import agree, ways
from jaxtyping import TypeCheckError

from seqlab.kernels.long_convolution import long_convolution
from seqlab.kernels.long_convolution.fast import fft_size
from seqlab.kernels.long_convolution.native import NATIVE
from seqlab.kernels.long_convolution.reference import long_convolution_reference

# b, l, d, k: every number of parts and both parities of levels of the right-angle transform, whole and partial blocks
# of channels, kernels shorter and longer than the input.
SHAPES = [
    (1, 1, 1, 1),
    (2, 1, 3, 5),
    (2, 5, 3, 7),
    (2, 17, 5, 5),
    (3, 7, 2, 4),
    (1, 15, 9, 15),
    (2, 33, 17, 1),
    (1, 64, 4, 64),
    (1, 150, 2, 150),
    (1, 260, 1, 200),
]
native_and_torch = ways(NATIVE)


@native_and_torch
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("b", "length", "d", "taps"), SHAPES)
def test_values_and_gradients(b: int, length: int, d: int, taps: int, dtype: torch.dtype) -> None:
    u, h, skip = torch.randn(b, length, d), torch.randn(d, taps), torch.randn(d)
    agree(long_convolution, long_convolution_reference, u, h, skip, dtype=dtype)
    agree(long_convolution, long_convolution_reference, u, h, skip, torch.randn(d, taps), dtype=dtype)


@native_and_torch
def test_float32_taps_beside_bf16_input() -> None:
    u, h, skip = torch.randn(2, 9, 3).bfloat16(), torch.randn(3, 9), torch.randn(3)
    y = long_convolution(u, h, skip)
    assert y.dtype == torch.bfloat16
    exact = long_convolution_reference(u.double(), h.double(), skip.double())
    assert (y - exact).abs().max() <= 4e-3 * exact.abs().max()


@native_and_torch
def test_gradients_by_differences() -> None:
    u, h, skip = torch.randn(2, 6, 3).double(), torch.randn(3, 5).double(), torch.randn(3).double()
    arguments = [tensor.requires_grad_() for tensor in (u, h, skip, torch.randn(3, 5).double())]
    assert torch.autograd.gradcheck(long_convolution, arguments)


@native_and_torch
def test_any_strides() -> None:
    u, h, skip = torch.randn(2, 5, 9).transpose(1, 2), torch.randn(9, 5).T, torch.randn(10)[::2]
    agree(long_convolution, long_convolution_reference, u, h, skip, dtype=torch.float64)


def test_fft_sizes_are_the_smallest_even_products_of_2_3_5() -> None:
    def smooth(n: int) -> bool:
        for prime in (2, 3, 5):
            while n % prime == 0:
                n //= prime
        return n == 1

    for least in [*range(1, 200), 8191, 8193, 32767]:
        wanted = next(n for n in range(max(least + least % 2, 2), 4 * least + 2, 2) if smooth(n))
        assert fft_size(least) == wanted


@native_and_torch
def test_features_before_positions_are_refused() -> None:
    u, taps, skip = torch.randn(2, 3, 50), torch.randn(3, 50), torch.randn(3)
    for wrong in ((u, taps, skip), (u.mT, taps, torch.randn(50)), (u.mT, taps, skip, taps[:2]), (u[0].mT, taps, skip)):
        with pytest.raises((ValueError, TypeCheckError), match=r"long.convolution"):
            long_convolution(*wrong)
