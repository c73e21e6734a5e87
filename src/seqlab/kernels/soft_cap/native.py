"""The soft cap in C++ on the CPU: one pass over the logits in the place of three."""

from __future__ import annotations

from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from seqlab.kernels.native import DTYPES, Native, without_gradient

__all__ = ["NATIVE", "serves", "soft_cap_native"]

NATIVE = Native(Path(__file__).with_name("soft_cap.cpp"))


def serves(x: Tensor) -> bool:
    """Whether the C++ cap takes these numbers."""
    return x.dtype != torch.float64 and without_gradient(x) and NATIVE.serves(x)


def soft_cap_native(x: Float[Tensor, "*b d"], cap: float) -> Float[Tensor, "*b d"]:
    """The reference's function."""
    x = x.contiguous()
    y = torch.empty_like(x)
    NATIVE.run(f"cap_{DTYPES[x.dtype]}", x, y, x.numel(), float(cap))
    return y
