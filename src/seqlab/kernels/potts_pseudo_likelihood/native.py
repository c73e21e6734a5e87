"""The pseudo-likelihood in C++: value and gradient in one pass over the alignment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqlab.kernels.native import DTYPES, Native

__all__ = ["NATIVE", "WIDEST", "potts_pseudo_likelihood_native"]

NATIVE = Native(Path(__file__).with_name("potts_pseudo_likelihood.cpp"))
LANES = 16
"""Letters are padded to a multiple of it: whole vectors, whatever their size and the dtype."""
WIDEST = 32
"""The most letters that the C++ code takes."""


def potts_pseudo_likelihood_native(
    fields: Float[Tensor, "l e"],
    couplings: Float[Tensor, "l e l e"],
    letters: Int[Tensor, "s l"],
    weights: Float[Tensor, " s"],
) -> Float[Tensor, ""]:
    """The reference's function. There is no second derivative."""
    value: Tensor = _PseudoLikelihood.apply(fields, couplings, letters, weights)
    return value


class _PseudoLikelihood(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, fields: Tensor, couplings: Tensor, letters: Tensor, weights: Tensor) -> Tensor:
        length, size = fields.shape
        width = -(-size // LANES) * LANES
        padded = fields.new_zeros(length, width)
        padded[:, :size] = fields
        table = fields.new_zeros(length, length, size + 1, width)
        table[:, :, :size, :size] = couplings.permute(0, 2, 3, 1)
        sites = torch.arange(length)
        table[sites, sites] = 0
        rows = (letters + sites * (size + 1)).to(torch.int32).contiguous()
        of_fields, of_table = torch.zeros_like(padded), torch.zeros_like(table)
        totals = torch.zeros(length, dtype=torch.float64)
        NATIVE.run(
            f"all_{DTYPES[fields.dtype]}", padded, table, rows, weights.contiguous(), of_fields, of_table, totals,
            len(letters), length, size, width,
        )  # fmt: skip
        of_table[sites, sites] = 0
        ctx.save_for_backward(of_fields[:, :size], of_table[:, :, :size, :size].permute(0, 3, 1, 2))
        return totals.sum().to(fields.dtype)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None]:
        of_fields, of_couplings = ctx.saved_tensors
        return grad * of_fields, grad * of_couplings, None, None
