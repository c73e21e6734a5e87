"""The long convolution against its Toeplitz matrix."""

from __future__ import annotations

import pytest
import torch
from compare_kernels import agree

from seqlab.kernels.long_convolution import long_convolution
from seqlab.kernels.long_convolution.fast import fft_size
from seqlab.kernels.long_convolution.reference import long_convolution_reference

SHAPES = [(1, 1, 1, 1), (2, 3, 1, 5), (2, 3, 7, 7), (2, 3, 17, 5), (3, 2, 5, 17), (1, 4, 64, 64), (2, 2, 33, 1)]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("b", "d", "length", "taps"), SHAPES)
def test_values_and_gradients(b: int, d: int, length: int, taps: int, dtype: torch.dtype) -> None:
    u, h, skip = torch.randn(b, d, length), torch.randn(d, taps), torch.randn(d)
    agree(long_convolution, long_convolution_reference, u, h, skip, dtype=dtype)


def test_float32_taps_beside_bf16_input() -> None:
    u, h, skip = torch.randn(2, 3, 9).bfloat16(), torch.randn(3, 9), torch.randn(3)
    y = long_convolution(u, h, skip)
    assert y.dtype == torch.bfloat16
    exact = long_convolution_reference(u.double(), h.double(), skip.double())
    assert (y - exact).abs().max() <= 4e-3 * exact.abs().max()


def test_fft_sizes_are_the_smallest_even_products_of_2_3_5() -> None:
    def smooth(n: int) -> bool:
        for prime in (2, 3, 5):
            while n % prime == 0:
                n //= prime
        return n == 1

    for least in [*range(1, 200), 8191, 8193, 32767]:
        wanted = next(n for n in range(max(least + least % 2, 2), 4 * least + 2, 2) if smooth(n))
        assert fft_size(least) == wanted


def test_second_derivatives_are_refused_not_wrong() -> None:
    u = torch.randn(1, 1, 4, requires_grad=True)
    y = long_convolution(u, torch.randn(1, 4, requires_grad=True), torch.randn(1))
    (gradient,) = torch.autograd.grad(y.square().sum(), u, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()
