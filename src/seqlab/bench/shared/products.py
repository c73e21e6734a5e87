"""The rate of this machine's matrix products, which everything else is a share of."""

from __future__ import annotations

import functools

import torch

from seqlab.bench.shared.timing import Timing, alternate

__all__ = ["best_rate", "products"]

SIZES = (512, 1024, 2048, 4096)
QUICK_SIZES = (64,)


@functools.cache
def products(device: torch.device, dtype: torch.dtype, quick: bool) -> dict[int, Timing]:
    """Seconds of the product of two square matrices, by their size; measured once a process."""
    sizes = QUICK_SIZES if quick else SIZES
    matrices = {size: torch.randn(size, size, device=device).to(dtype) for size in sizes}
    functions = {size: functools.partial(torch.mm, matrix, matrix) for size, matrix in matrices.items()}
    return alternate(functions, rounds=2 if quick else 7)


def best_rate(device: torch.device, dtype: torch.dtype, quick: bool) -> float:
    """Floating-point operations a second of the best product, a multiply-add counted as 2."""
    return max(2.0 * size**3 / timing.minimum for size, timing in products(device, dtype, quick).items())
