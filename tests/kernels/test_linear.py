"""The linear map against its definition."""

from __future__ import annotations

import importlib

import pytest
import torch
from compare_kernels import agree, ways, with_threads

from seqlab.kernels.linear import linear
from seqlab.kernels.linear.dispatch import LEAST_PRODUCTS
from seqlab.kernels.linear.fast import linear_onednn
from seqlab.kernels.linear.native import NATIVE, transposed
from seqlab.kernels.linear.reference import linear_reference

needs_onednn = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="torch has no oneDNN")


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("with_bias", [True, False])
def test_values_and_gradients(with_bias: bool, dtype: torch.dtype) -> None:
    bias = torch.randn(5) if with_bias else None
    for shape in ((2, 3, 4), (3, 4)):
        agree(linear, linear_reference, torch.randn(shape), torch.randn(5, 4), bias, dtype=dtype)


@needs_onednn
@pytest.mark.parametrize("with_bias", [True, False])
def test_onednn_gives_values_and_gradients(with_bias: bool) -> None:
    bias = torch.randn(5) if with_bias else None
    for d in (3, 5, 70):  # fewer inputs than outputs, as many, more
        x, weight = torch.randn(4, 2, d).transpose(0, 1), torch.randn(d, 5).T
        agree(linear_onednn, linear_reference, x, weight, bias, dtype=torch.float32)


@ways(NATIVE)
@pytest.mark.usefixtures("native_kernels")
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (64, 16), (128, 32), (65, 17), (200, 130)])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_transposes_lie_in_rows(dtype: torch.dtype, shape: tuple[int, int]) -> None:
    values = torch.randn(2 * shape[0], shape[1]).to(dtype)
    for x in (values[: shape[0]], values[: shape[0]].T.contiguous().T, values[::2]):
        for y in with_threads(transposed, x):
            assert y.equal(x.T)
            assert y.is_contiguous()


@needs_onednn
def test_onednn_has_a_second_derivative() -> None:
    x, weight = torch.randn(1, 3, 4, requires_grad=True), torch.randn(5, 4, requires_grad=True)

    def second(function: object) -> tuple[torch.Tensor, ...]:
        gradients = torch.autograd.grad(function(x, weight).square().sum(), (x, weight), create_graph=True)  # type: ignore[operator]
        return torch.autograd.grad(sum(gradient.square().sum() for gradient in gradients), (x, weight))

    for got, wanted in zip(second(linear_onednn), second(linear_reference), strict=True):
        assert torch.allclose(got, wanted, rtol=1e-4, atol=1e-4)


def test_large_products_are_right() -> None:
    x, weight = torch.randn(1, 64, 128), torch.randn(256, 128)
    assert x.numel() * len(weight) >= LEAST_PRODUCTS
    exact = linear_reference(x.double(), weight.double())
    assert (linear(x, weight) - exact).abs().max() <= 1e-5 * exact.abs().max()


@needs_onednn
def test_onednn_is_not_asked_for_what_does_not_fit() -> None:
    """It would tell of a primitive descriptor that could not be created."""
    kernel = importlib.import_module("seqlab.kernels.linear.fast").linear_onednn
    with pytest.raises(ValueError, match=r"^linear_onednn takes x .* got x \(1, 64, 128\), weight \(256, 100\)"):
        kernel(torch.randn(1, 64, 128), torch.randn(256, 100))
    with pytest.raises(RuntimeError, match="dtype"):
        linear(torch.randn(1, 64, 128), torch.randn(256, 128).bfloat16())
