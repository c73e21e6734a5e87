"""A matrix times a few vectors against its definition in float64, in floats, in eight bits and in four."""

from __future__ import annotations

import importlib
from collections.abc import Callable

import pytest
import torch
from compare_kernels import TOLERANCE, agree, ways
from torch import Tensor

from seqlab.kernels.linear import linear
from seqlab.kernels.matrix_vector import (
    FEW,
    matrix_vector,
    matrix_vector_int4,
    matrix_vector_int8,
    pack_int4,
    pack_int8,
    unpack_int4,
)
from seqlab.kernels.matrix_vector.native import NATIVE
from seqlab.kernels.matrix_vector.reference import (
    matrix_vector_int4_reference,
    matrix_vector_int8_reference,
    matrix_vector_reference,
)
from seqlab.kernels.taken import forget, taken

RAGGED = [(1, 1), (3, 5), (17, 16), (33, 31), (70, 100), (9, 513), (301, 517)]
"""Rows and inner sizes below, at and beyond those of a vector, of rows side by side and of a part of the matrix."""
QUANTISED = [
    (matrix_vector_int8, matrix_vector_int8_reference, pack_int8),
    (matrix_vector_int4, matrix_vector_int4_reference, pack_int4),
]


def close(got: Tensor, exact: Tensor) -> None:
    """bfloat16 rounds the result once (4e-3); float32 rounds each of up to 513 terms (6e-8)."""
    assert got.dtype in TOLERANCE
    assert (got.double() - exact).abs().max() <= TOLERANCE[got.dtype] * max(1.0, exact.abs().max())


@ways(NATIVE)
@pytest.mark.usefixtures("native_kernels")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize(("rows", "inner"), RAGGED)
def test_values(rows: int, inner: int, dtype: torch.dtype) -> None:
    for count in range(1, FEW + 2):
        x, weight, bias = (torch.randn(*shape).to(dtype) for shape in ((count, inner), (rows, inner), (rows,)))
        for offset in (None, bias):
            exact = matrix_vector_reference(x.double(), weight.double(), None if offset is None else offset.double())
            for function in (matrix_vector, linear):
                with torch.no_grad():
                    close(function(x, weight, offset), exact)


@ways(NATIVE)
@pytest.mark.usefixtures("native_kernels")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("function", "reference", "pack"), QUANTISED, ids=["int8", "int4"])
def test_values_of_quantised_weights(
    function: Callable[..., Tensor], reference: Callable[..., Tensor], pack: Callable[..., tuple[Tensor, Tensor]],
    dtype: torch.dtype,
) -> None:  # fmt: skip
    for rows, inner in ((3, 5), (17, 16), (20, 100), (9, 65)):
        weight, scale = pack(torch.randn(rows, inner))
        for count in range(1, FEW + 2):
            x, bias = torch.randn(count, inner).to(dtype), torch.randn(rows).to(dtype)
            exact = reference(x.double(), weight, scale.double(), bias.double())
            close(function(x, weight, scale, bias), exact)


def test_eight_and_four_bits_are_within_half_a_step() -> None:
    weight = torch.randn(7, 50)
    whole, scale = pack_int8(weight)
    assert ((whole * scale[:, None] - weight).abs() <= 0.5001 * scale[:, None]).all()
    packed, scales = pack_int4(weight)
    entries = (unpack_int4(packed) * scales[..., None]).flatten(1)
    assert packed.nbytes == 7 * 64 // 2
    assert ((entries[:, :50] - weight).abs() <= 0.5001 * scales.repeat_interleave(32, 1)[:, :50]).all()
    assert not entries[:, 50:].any()


def test_nothing_but_zeros_is_packed_as_zeros() -> None:
    for pack in (pack_int8, pack_int4):
        assert (pack(torch.zeros(2, 40))[1] == 1).all()


def product(bits: str, weight: Tensor) -> Callable[[Tensor, Tensor | None], Tensor]:
    """With the matrix as it is, or in so few bits."""
    if bits == "all":
        return lambda x, bias: matrix_vector(x, weight, bias)
    function, _, pack = QUANTISED[bits == "int4"]
    packed, scale = pack(weight)
    return lambda x, bias: function(x, packed, scale, bias)


@pytest.mark.skipif(not NATIVE.usable(), reason="not compiled")
@pytest.mark.parametrize("bits", ["all", "int8", "int4"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_vector_has_the_same_result_in_any_company_with_any_number_of_threads(dtype: torch.dtype, bits: str) -> None:
    x, offset = torch.randn(FEW, 517).to(dtype), torch.randn(301).to(dtype)
    multiply = product(bits, torch.randn(301, 517).to(dtype))
    for bias in (None, offset):
        together = multiply(x, bias)
        for count in range(1, FEW + 1):
            for threads in (1, 2, 3):
                torch.set_num_threads(threads)
                try:
                    assert multiply(x[-count:], bias).equal(together[-count:]), (count, threads)
                finally:
                    torch.set_num_threads(1)


def test_where_a_gradient_is_asked_for_torch_serves() -> None:
    agree(matrix_vector, matrix_vector_reference, torch.randn(3, 4), torch.randn(5, 4), None, dtype=torch.float32)
    forget()
    linear(torch.randn(1, 4), torch.randn(5, 4, requires_grad=True))
    assert taken()["linear"] == ["torch"]


def test_what_does_not_fit_is_refused() -> None:
    kernel = importlib.import_module("seqlab.kernels.matrix_vector")
    with pytest.raises(ValueError, match=r"^matrix_vector_int8 takes x"):
        kernel.matrix_vector_int8(torch.randn(1, 3), torch.zeros(2, 4, dtype=torch.int8), torch.ones(2))
    with pytest.raises(ValueError, match=r"^matrix_vector_int4 takes 2 groups for 33 entries"):
        kernel.matrix_vector_int4(torch.randn(1, 33), torch.zeros(2, 16, dtype=torch.uint8), torch.ones(2, 1))
