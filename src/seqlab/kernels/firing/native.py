"""The count in C++ on the CPU: one pass over the values, and nothing written but the result."""

from __future__ import annotations

from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from seqlab.kernels.native import DTYPES, Native, without_gradient

__all__ = ["NATIVE", "firing_native", "serves"]

NATIVE = Native(Path(__file__).with_name("firing.cpp"))


def serves(values: Tensor) -> bool:
    """Whether the C++ count takes these numbers."""
    return without_gradient(values) and NATIVE.serves(values)


def firing_native(values: Float[Tensor, "l h"]) -> tuple[Float[Tensor, " h"], Float[Tensor, " h"]]:
    """The reference's function."""
    values = values if values.stride(1) == 1 else values.contiguous()
    rows, columns = values.shape
    count = torch.empty(columns, dtype=torch.float64)
    highest = torch.empty(columns, dtype=torch.promote_types(values.dtype, torch.float32))
    NATIVE.run(f"firing_{DTYPES[values.dtype]}", values, count, highest, rows, columns, values.stride(0))
    return count, highest.to(values.dtype)
