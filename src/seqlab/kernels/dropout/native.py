"""Dropout in C++ on the CPU (dropout.cpp): x is read once, the result written once, and no mask is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from seqlab.kernels.dropout.reference import factor_of_kept, least_number
from seqlab.kernels.native import DTYPES, Native

__all__ = ["NATIVE", "dropout_native"]

NATIVE = Native(Path(__file__).with_name("dropout.cpp"))


def dropout_native(x: Float[Tensor, "*bl d"], share: float, seed: int) -> Float[Tensor, "*bl d"]:
    """The reference's function."""
    y: Tensor = _Dropout.apply(x, share, seed)
    return y


class _Dropout(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor, share: float, seed: int) -> Tensor:
        x = x.contiguous()
        y, width = torch.empty_like(x), x.shape[-1]
        drawn = seed, least_number(share), factor_of_kept(share, x.dtype)
        NATIVE.run(f"apply_{DTYPES[x.dtype]}", x, y, x.numel() // width, width, *drawn)
        return y

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, float, int], output: Tensor) -> None:
        _, ctx.share, ctx.seed = inputs

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        return dropout_native(grad, ctx.share, ctx.seed), None, None
