"""The pseudo-likelihood in C++: value and gradient in one pass over the alignment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqlab.kernels.native import DTYPES, Native
from seqlab.kernels.potts_pseudo_likelihood.reference import Seen

__all__ = ["NATIVE", "WIDEST", "potts_pseudo_likelihood_native"]

NATIVE = Native(Path(__file__).with_name("potts_pseudo_likelihood.cpp"))
WIDEST = 32
"""The most letters that the C++ code takes."""


def potts_pseudo_likelihood_native(
    fields: Float[Tensor, "l e"],
    couplings: Float[Tensor, "pairs e e"],
    letters: Int[Tensor, "s l"],
    weights: Float[Tensor, " s"],
    seen: Seen = "all",
) -> Float[Tensor, ""]:
    """The reference's function. There is no second derivative."""
    value: Tensor = _PseudoLikelihood.apply(fields, couplings, letters, weights, seen)
    return value


class _PseudoLikelihood(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, fields: Tensor, couplings: Tensor, letters: Tensor, weights: Tensor, seen: Seen) -> Tensor:
        length, size = fields.shape
        of_fields, of_couplings = torch.empty_like(fields), torch.empty_like(couplings)
        of_first = torch.empty_like(couplings) if seen == "all" else None
        totals = torch.zeros(length, dtype=torch.float64)
        NATIVE.run(
            f"all_{DTYPES[fields.dtype]}", fields.contiguous(), couplings.contiguous(),
            letters.to(torch.uint8).contiguous(), weights.contiguous(), of_fields, of_first, of_couplings, totals,
            len(letters), length, size,
        )  # fmt: skip
        ctx.save_for_backward(of_fields, of_couplings)
        return totals.sum().to(fields.dtype)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        of_fields, of_couplings = ctx.saved_tensors
        return grad * of_fields, grad * of_couplings, None, None, None
