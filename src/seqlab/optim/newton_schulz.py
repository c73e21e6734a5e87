"""Orthogonalise matrices by a Newton-Schulz iteration, many of one shape at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

__all__ = ["COEFFICIENTS", "compute_dtype", "orthogonalise"]

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""a, b, c of x <- a x + b (x x') x + c (x x')^2 x (K. Jordan 2024). They grow small singular values fastest and let
the large ones settle between about 0.7 and 1.2 rather than at 1, which serves training as well in fewer steps."""


def orthogonalise(matrices: Sequence[Tensor], steps: int, dtype: torch.dtype) -> list[Tensor]:
    """Each matrix with its singular vectors kept and its singular values moved near 1; a zero matrix stays zero.

    Matrices that have the same shape, or would have when transposed, go through one batched product each step.
    The iterations run in `dtype`, the results have the dtype of the matrices.
    """
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for index, matrix in enumerate(matrices):
        by_shape.setdefault(tuple(sorted(matrix.shape)), []).append(index)
    results = list(matrices)
    for same in by_shape.values():
        batch = torch.stack([_wide(matrices[index]) for index in same])
        for index, result in zip(same, _iterate(batch, steps, dtype).unbind(), strict=True):
            results[index] = result if result.shape == matrices[index].shape else result.mT
    return results


def _wide(matrix: Tensor) -> Tensor:
    # Not tall, so that the Gram matrix x x' is the small one.
    rows, columns = matrix.shape
    return matrix.mT if rows > columns else matrix


def _iterate(matrices: Tensor, steps: int, dtype: torch.dtype) -> Tensor:
    """(N, m, n) with m <= n; the Frobenius norm bounds the largest singular value, which must start at most at 1."""
    a, b, c = COEFFICIENTS
    x: Tensor = (matrices / (matrices.norm(dim=(1, 2), keepdim=True) + 1e-7)).to(dtype)
    for _ in range(steps):
        gram = torch.bmm(x, x.mT)
        polynomial = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        x = torch.baddbmm(x, polynomial, x, beta=a)
    return x.to(matrices.dtype)


def compute_dtype(
    wanted: Literal["auto", "bfloat16", "float32"], dtype: torch.dtype, device: torch.device
) -> torch.dtype:
    """The dtype of the iterations for weights of a dtype on a device; a pure function of its arguments and machine."""
    if dtype == torch.float64:
        return dtype
    if wanted == "auto":
        return torch.bfloat16 if _multiplies_bfloat16_fast(device) else torch.float32
    return torch.bfloat16 if wanted == "bfloat16" else torch.float32


def _multiplies_bfloat16_fast(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # Measured with AVX512-BF16: 2 times (64 x 64) to 6 times (128 x 512) faster than float32.
    return device.type == "cpu" and bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
