"""What is counted and averaged of columns of many rows, against its definition."""

from __future__ import annotations

import math

import pytest
import torch
from compare_kernels import TOLERANCE, ways, with_threads

from seqlab.kernels.deviation import deviation
from seqlab.kernels.deviation.native import NATIVE as DEVIATION
from seqlab.kernels.deviation.reference import deviation_reference
from seqlab.kernels.firing import firing
from seqlab.kernels.firing.native import NATIVE as FIRING
from seqlab.kernels.firing.reference import firing_reference

DTYPES = [torch.float64, torch.float32, torch.bfloat16]
SHAPES = [(1, 1), (7, 5), (130, 16), (1000, 33)]
"""Below a vector and beyond it, with and without a rest; below a thread's share of the rows and beyond it."""


@ways(FIRING)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_counts_and_highest_are_exact(shape: tuple[int, int], dtype: torch.dtype) -> None:
    values = (torch.randn(shape) - torch.linspace(-3, 3, shape[1])).to(dtype)
    values[:, 0] = -0.0
    for given in (values, values.t().contiguous().t(), torch.cat([values, -values], 1)[:, : shape[1]]):
        wanted = firing_reference(given)
        for count, highest in with_threads(firing, given):
            assert count.equal(wanted[0])
            assert highest.equal(wanted[1])


@ways(FIRING)
def test_a_nan_is_the_highest_and_does_not_fire() -> None:
    values = torch.tensor([[1.0, -1.0], [math.nan, math.inf], [2.0, -math.inf]])
    for count, highest in with_threads(firing, values):
        assert count.tolist() == [2, 1]
        assert highest[0].isnan()
        assert highest[1] == math.inf


@ways(DEVIATION)
@pytest.mark.parametrize("least", [-math.inf, 0.0])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_mean_distance(shape: tuple[int, int], dtype: torch.dtype, least: float) -> None:
    values, centre = torch.randn(shape).to(dtype), torch.randn(shape[1])
    wide = torch.promote_types(dtype, torch.float32)
    exact = deviation_reference(values.double(), centre.double(), least)
    for given in (values, values.t().contiguous().t(), torch.cat([values, -values], 1)[:, : shape[1]]):
        got = deviation(given, centre.to(wide), least)
        assert got.dtype == wide
        assert (got - exact).abs().max() <= TOLERANCE[wide]


@pytest.mark.skipif(not DEVIATION.usable(), reason="not compiled")
def test_the_number_of_threads_changes_no_bit() -> None:
    one, two, three = with_threads(deviation, torch.randn(1000, 33), torch.randn(33))
    assert one.equal(two)
    assert one.equal(three)


def test_a_gradient_goes_through_both() -> None:
    values = torch.tensor([[1.0, -2.0], [3.0, -1.0]], requires_grad=True)
    deviation(values, torch.zeros(2), 0.0).sum().backward()
    assert values.grad is not None
    assert values.grad.tolist() == [[0.5, 0.0], [0.5, 0.0]]
    assert torch.autograd.grad(firing(values)[1].sum(), values)[0].tolist() == [[0.0, 0.0], [1.0, 1.0]]
