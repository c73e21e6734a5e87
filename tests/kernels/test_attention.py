"""Attention, full and windowed, against every score written out."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from compare_kernels import agree
from torch import Tensor

from seqlab.kernels.attention import attention
from seqlab.kernels.attention.fast import attention_fused
from seqlab.kernels.attention.reference import attention_reference
from seqlab.kernels.attention.short import attention_short
from seqlab.kernels.window_attention import window_attention
from seqlab.kernels.window_attention.reference import window_attention_reference

Kernel = Callable[..., Tensor]
DTYPES = [torch.float64, torch.float32, torch.bfloat16]


def qkv(b: int, length: int, keys: int, heads: int, groups: int, width: int = 4) -> tuple[Tensor, Tensor, Tensor]:
    return (
        torch.randn(b, length, heads, width),
        torch.randn(b, keys, groups, width),
        torch.randn(b, keys, groups, width),
    )


@pytest.mark.parametrize("kernel", [attention_short, attention_fused])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("bias", ["none", "seen", "added"])
@pytest.mark.parametrize(("b", "length", "heads", "groups"), [(1, 1, 1, 1), (2, 7, 4, 2), (2, 33, 3, 3), (1, 40, 6, 1)])
def test_attention(
    b: int, length: int, heads: int, groups: int, bias: str, causal: bool, dtype: torch.dtype, kernel: Kernel
) -> None:
    seen = torch.rand(b, 1, length, length) < 0.7
    seen |= torch.eye(length, dtype=torch.bool)  # a query without any key has no answer
    chosen = {"none": None, "seen": seen, "added": torch.randn(1, heads, length, length)}[bias]

    def of(f):
        return lambda q, k, v: f(q, k, v, causal=causal, bias=chosen)

    agree(of(kernel), of(attention_reference), *qkv(b, length, length, heads, groups), dtype=dtype)


def test_queries_and_keys_of_different_lengths() -> None:
    agree(attention, attention_reference, *qkv(2, 3, 11, 4, 2), dtype=torch.float64)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("alibi", [True, False])
@pytest.mark.parametrize("window", [1, 2, 5, 33, 40, 70, 1000])
@pytest.mark.parametrize("length", [1, 2, 31, 70])
def test_window_attention(length: int, window: int, alibi: bool, dtype: torch.dtype) -> None:
    slopes = torch.tensor([0.5, 0.25, 0.1, 0.0]) if alibi else None

    def of(f):
        return lambda q, k, v: f(q, k, v, window=window, slopes=slopes)

    agree(of(window_attention), of(window_attention_reference), *qkv(2, length, length, 4, 2), dtype=dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("alibi", [True, False])
@pytest.mark.parametrize("window", [1, 5, 40, 1000])
@pytest.mark.parametrize(("length", "sinks", "packed"), [(1, 2, False), (70, 3, False), (70, 0, True), (131, 4, True)])
def test_window_attention_with_sinks_and_documents(
    length: int, sinks: int, packed: bool, window: int, alibi: bool, dtype: torch.dtype
) -> None:
    slopes = torch.tensor([0.5, 0.25, 0.1, 0.0]) if alibi else None
    time = torch.arange(length)
    starts = torch.stack([time % 50 == 7, (time == 1) | (time == 2) | (time == length - 1)])
    begins = torch.where(starts, time, 0).cummax(1).values if packed else None

    def of(f):
        return lambda q, k, v: f(q, k, v, window=window, sinks=sinks, begins=begins, slopes=slopes)

    agree(of(window_attention), of(window_attention_reference), *qkv(2, length, length, 4, 2), dtype=dtype)
