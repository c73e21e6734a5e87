"""Dropout by a seed: the draws of C++ are those of the reference, and are as they should be."""

from __future__ import annotations

import pytest
import torch
from compare_kernels import agree, ways

from seqlab.kernels.attention.native import NATIVE as ATTENTION
from seqlab.kernels.attention.native import attention_native
from seqlab.kernels.attention.reference import attention_reference
from seqlab.kernels.dropout import dropout
from seqlab.kernels.dropout.native import NATIVE
from seqlab.kernels.dropout.reference import dropout_reference

DTYPES = [torch.float64, torch.float32, torch.bfloat16]


@ways(NATIVE)
@pytest.mark.usefixtures("native_kernels")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1,), (5, 7), (3, 4, 130)])
@pytest.mark.parametrize(("share", "seed"), [(0.2, 7), (0.5, 2**63 - 1), (0.0, 0)])
def test_values_and_gradients(share: float, seed: int, shape: tuple[int, ...], dtype: torch.dtype) -> None:
    def of(f):
        return lambda x: f(x, share, seed)

    agree(of(dropout), of(dropout_reference), torch.randn(shape), dtype=dtype)


@ways(NATIVE)
@pytest.mark.usefixtures("native_kernels")
def test_as_many_as_were_asked_for_and_independent() -> None:
    """Over rows, columns and seeds: each mean and each correlation lies within five standard deviations."""
    masks = torch.stack([dropout(torch.ones(300, 200), 0.3, seed) > 0 for seed in (1, 2, 3)]).double()
    assert abs(masks.mean() - 0.7) < 5 * (0.21 / masks.numel()) ** 0.5
    for axes, count in (((0, 1), 3 * 300), ((0, 2), 3 * 200)):
        assert ((masks.mean(axes) - 0.7).abs() < 5 * (0.21 / count) ** 0.5).all()
    flat = (masks - 0.7) / 0.21**0.5
    neighbours = (flat[0] * flat[1], flat[1] * flat[2], flat[:, 1:] * flat[:, :-1], flat[..., 1:] * flat[..., :-1])
    for products in neighbours:
        assert abs(products.mean()) < 5 * products.numel() ** -0.5


@pytest.mark.skipif(not ATTENTION.usable(), reason="not compiled")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("share", [0.0, 0.3])
@pytest.mark.parametrize(
    ("b", "length", "keys", "heads", "groups", "width"),
    [(1, 1, 1, 1, 1, 8), (2, 33, 33, 4, 2, 8), (1, 261, 261, 2, 1, 40), (2, 70, 33, 3, 3, 5), (1, 3, 90, 2, 1, 1)],
)
def test_attention(
    b: int, length: int, keys: int, heads: int, groups: int, width: int, share: float, causal: bool, dtype: torch.dtype
) -> None:
    """Longer than a block of queries too, and of an odd width."""

    def of(f):
        return lambda q, k, v: f(q, k, v, causal=causal, dropout=share, seed=5)

    given = (torch.randn(b, n, h, width) for n, h in ((length, heads), (keys, groups), (keys, groups)))
    agree(of(attention_native), of(attention_reference), *given, dtype=dtype)


@pytest.mark.skipif(not ATTENTION.usable(), reason="not compiled")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("share", [0.0, 0.3])
@pytest.mark.parametrize("bias", ["seen", "keys", "added"])
def test_attention_with_a_bias(bias: str, share: float, dtype: torch.dtype) -> None:
    """Of pairs, of keys alone (as padding is told), and added, of one head for all rows."""
    seen = (torch.rand(2, 1, 150, 150) < 0.7) | torch.eye(150, dtype=torch.bool)
    keys = (torch.rand(2, 1, 1, 150) < 0.7) | (torch.arange(150) == 0)
    chosen = {"seen": seen, "keys": keys, "added": torch.randn(1, 4, 150, 150).to(dtype)}[bias]

    def of(f):
        return lambda q, k, v: f(q, k, v, causal=True, bias=chosen, dropout=share, seed=5)

    given = torch.randn(2, 150, 4, 8), torch.randn(2, 150, 2, 8), torch.randn(2, 150, 2, 8)
    agree(of(attention_native), of(attention_reference), *given, dtype=dtype)


@pytest.mark.skipif(not ATTENTION.usable(), reason="not compiled")
def test_the_least_number_as_a_bias() -> None:
    """A row that sees nothing but by it has an answer, as in the reference: nothing overflows."""
    bias = torch.zeros(1, 1, 5, 5).masked_fill(torch.eye(5) == 0, torch.finfo(torch.float32).min)
    bias[..., 2, :] = torch.finfo(torch.float32).min

    def of(f):
        return lambda q, k, v: f(q, k, v, bias=bias)

    agree(of(attention_native), of(attention_reference), *torch.randn(3, 2, 5, 2, 8), dtype=torch.float32)
