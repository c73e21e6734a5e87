"""What a step does to few numbers in C++, against the definitions: gates, soft caps, the norm of heads."""

from __future__ import annotations

import pytest
import torch
from compare_kernels import TOLERANCE, agree, ways
from torch import Tensor

from seqlab.kernels.gated_product import Gate, gated_product
from seqlab.kernels.gated_product.native import NATIVE as GATED
from seqlab.kernels.gated_product.reference import gated_product_reference
from seqlab.kernels.head_norm import head_norm
from seqlab.kernels.head_norm.native import NATIVE as NORM
from seqlab.kernels.head_norm.reference import head_norm_reference
from seqlab.kernels.soft_cap import soft_cap
from seqlab.kernels.soft_cap.native import NATIVE as CAP
from seqlab.kernels.soft_cap.reference import soft_cap_reference
from seqlab.kernels.taken import forget, taken

DTYPES = pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
WIDTHS = (1, 7, 16, 100)


def tolerance(dtype: torch.dtype) -> float:
    """Of one number from another: in float32 closer than of sums."""
    return TOLERANCE[dtype] / 10 if dtype == torch.float32 else TOLERANCE[dtype]


def close(y: Tensor, exact: Tensor, dtype: torch.dtype) -> None:
    assert y.shape == exact.shape
    assert (y.double() - exact).abs().max() <= tolerance(dtype) * exact.abs().max()


@ways(GATED)
@pytest.mark.usefixtures("native_kernels")
@DTYPES
@pytest.mark.parametrize("function", ["sigmoid", "silu"])
@torch.no_grad()
def test_products_with_a_gate(function: Gate, dtype: torch.dtype) -> None:
    for width in WIDTHS:
        both = (20 * torch.randn(3, 2 * width)).to(dtype)
        gate, x = both.chunk(2, dim=-1)
        for other in (x, x.float() if dtype == torch.bfloat16 else x):
            y = gated_product(gate, other, function)
            assert y.dtype == dtype
            close(y, gated_product_reference(gate.double(), other.double(), function), dtype)
        deep = gated_product(gate.unflatten(0, (1, 3)), x.unflatten(0, (1, 3)), function)
        assert deep[0].equal(gated_product(gate, x, function))
        assert deep[0, 1].equal(gated_product(gate[1], x[1], function))
    far = torch.tensor([[-1e30, 1e30, 0.0, torch.nan]])
    assert gated_product(far, torch.ones(1, 4), "sigmoid").nan_to_num(7)[0].tolist() == pytest.approx([0, 1, 0.5, 7])


@ways(CAP)
@pytest.mark.usefixtures("native_kernels")
@DTYPES
@torch.no_grad()
def test_soft_caps(dtype: torch.dtype) -> None:
    for scale in (1e-3, 1.0, 100.0, 1e30):
        x = (scale * torch.randn(3, 37)).to(dtype)
        y = soft_cap(x, 15.0)
        exact = soft_cap_reference(x.double(), 15.0)
        assert y.dtype == dtype
        assert ((y.double() - exact).abs() <= tolerance(dtype) * exact.abs()).all()


@pytest.mark.skipif(not CAP.usable(), reason="not compiled")
@torch.no_grad()
def test_threads_share_a_cap() -> None:
    x = 30 * torch.randn(3, 30001)
    forget()
    alone = soft_cap(x, 15.0)
    assert taken()["soft_cap"] == ["native"]
    torch.set_num_threads(2)
    try:
        assert soft_cap(x, 15.0).equal(alone)
    finally:
        torch.set_num_threads(1)


@ways(NORM)
@pytest.mark.usefixtures("native_kernels")
@DTYPES
@torch.no_grad()
def test_norms_of_heads(dtype: torch.dtype) -> None:
    for width in WIDTHS[1:]:
        x, weight = (1 + torch.randn(2, 3, width)).to(dtype), torch.randn(3, width)
        y = head_norm(x, weight, 1e-6)
        assert y.dtype == torch.promote_types(dtype, torch.float32)
        close(y, head_norm_reference(x.double(), weight.double(), 1e-6), y.dtype)


@DTYPES
def test_gradients(dtype: torch.dtype) -> None:
    gate, x = torch.randn(2, 3, 8)
    agree(
        lambda a, b: gated_product(a, b, "silu"),
        lambda a, b: gated_product_reference(a, b, "silu"),
        gate,
        x,
        dtype=dtype,
    )
    agree(lambda a: soft_cap(a, 2.0), lambda a: soft_cap_reference(a, 2.0), x, dtype=dtype)
