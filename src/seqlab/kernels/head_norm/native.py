"""The layer norm of a few heads in C++ on the CPU, as a step of generation has them."""

from __future__ import annotations

from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from seqlab.kernels.native import DTYPES, Native, few_without_gradient

__all__ = ["NATIVE", "head_norm_native", "serves"]

NATIVE = Native(Path(__file__).with_name("head_norm.cpp"))


def serves(x: Tensor, weight: Tensor) -> bool:
    """Whether the C++ norm takes these: a float32 weight and no float64."""
    fits = x.dtype != torch.float64 and weight.dtype == torch.float32 and weight.is_contiguous()
    return fits and few_without_gradient(x, weight) and NATIVE.serves(x)


def head_norm_native(x: Float[Tensor, "*b h e"], weight: Float[Tensor, "h e"], eps: float) -> Float[Tensor, "*b h e"]:
    """The reference's function, in float32."""
    x = x.contiguous()
    y = torch.empty(x.shape, dtype=torch.float32)
    width, heads = x.shape[-1], x.shape[-2]
    NATIVE.run(f"norm_{DTYPES[x.dtype]}", x, weight, y, x.numel() // width, heads, width, eps)
    return y
