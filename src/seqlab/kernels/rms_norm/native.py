"""The RMS norm of a few rows in C++ on the CPU, as a step of generation has them: one call for six."""

from __future__ import annotations

from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from seqlab.kernels.native import DTYPES, Native

__all__ = ["NATIVE", "rms_norm_native", "serves"]

NATIVE = Native(Path(__file__).with_name("rms_norm.cpp"))
MOST = 2**16
"""Entries up to which one thread is enough."""


def serves(x: Tensor, weight: Tensor | None) -> bool:
    """Whether the C++ norm takes these: a few rows, a float32 weight, and nothing to be differentiated."""
    asked = torch.is_grad_enabled() and (x.requires_grad or (weight is not None and weight.requires_grad))
    fits = weight is None or (weight.dtype == torch.float32 and weight.is_contiguous() and len(weight) == x.shape[-1])
    return x.numel() <= MOST and fits and not asked and x.dtype != torch.float64 and NATIVE.serves(x)


def rms_norm_native(x: Float[Tensor, "*b d"], weight: Float[Tensor, " d"] | None, eps: float) -> Float[Tensor, "*b d"]:
    """The reference's function."""
    x = x.contiguous()
    y = torch.empty_like(x)
    NATIVE.run(f"norm_{DTYPES[x.dtype]}", x, weight, y, x.numel() // x.shape[-1], x.shape[-1], eps)
    return y
