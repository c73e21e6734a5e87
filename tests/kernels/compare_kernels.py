"""A fast kernel beside its reference: the values and every gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest
import torch
from torch import Tensor

from seqlab.kernels.native import Native

# Relative to the largest entry. float64: rounding alone. float32: sums of up to some hundred terms, each rounded to
# 6e-8. bf16: inputs are exact, so what differs is the rounding of the results (4e-3) and of what autograd passes on.
TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5, torch.bfloat16: 1.6e-2}

Found = TypeVar("Found")


def ways(native: Native) -> pytest.MarkDecorator:
    """Runs a test in C++, where there is a compiler, and in torch's operations."""
    missing = pytest.mark.skipif(not native.usable(), reason="not compiled")
    return pytest.mark.parametrize("native_kernels", [pytest.param(True, marks=missing), False], indirect=True)


def with_threads(function: Callable[..., Found], *arguments: Tensor) -> list[Found]:
    """What a function gives with one thread, with two and with three."""
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            found.append(function(*arguments))
    finally:
        torch.set_num_threads(before)
    return found


def agree(
    fast: Callable[..., Tensor], reference: Callable[..., Tensor], *arguments: Tensor | None, dtype: torch.dtype
) -> None:
    """Both functions give the same value and gradients; the reference computes in float64 from the same numbers."""
    given = [None if a is None else a.to(dtype) for a in arguments]
    y, gradients = _value_and_gradients(fast, given)
    exact, exact_gradients = _value_and_gradients(reference, [None if a is None else a.double() for a in given])
    assert y.dtype == dtype
    _close(y, exact, TOLERANCE[dtype], "value")
    for number, (gradient, wanted) in enumerate(zip(gradients, exact_gradients, strict=True)):
        assert gradient.dtype == dtype
        _close(gradient, wanted, TOLERANCE[dtype], f"gradient {number}")


def _value_and_gradients(f: Callable[..., Tensor], arguments: list[Tensor | None]) -> tuple[Tensor, list[Tensor]]:
    leaves = [None if a is None else a.detach().requires_grad_() for a in arguments]
    y = f(*leaves)
    cotangent = torch.linspace(-1, 1, y.numel(), dtype=torch.float64, device=y.device).view(y.shape)
    present = [leaf for leaf in leaves if leaf is not None]
    return y.detach(), list(torch.autograd.grad(y, present, cotangent.to(y.dtype)))


def _close(got: Tensor, wanted: Tensor, tolerance: float, what: str) -> None:
    assert got.shape == wanted.shape
    error = (got.double() - wanted).abs().max().item()
    assert error <= tolerance * max(wanted.abs().max().item(), 1.0), f"{what} is off by {error:.1e}"
