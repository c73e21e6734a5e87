"""The mean distance in C++ on the CPU: one pass over the values, and nothing written but the result."""

from __future__ import annotations

from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from seqlab.kernels.native import DTYPES, Native, without_gradient

__all__ = ["NATIVE", "deviation_native", "serves"]

NATIVE = Native(Path(__file__).with_name("deviation.cpp"))


def serves(values: Tensor, centre: Tensor) -> bool:
    """Whether the C++ function takes these numbers."""
    return without_gradient(values, centre) and NATIVE.serves(values)


def deviation_native(values: Float[Tensor, "l h"], centre: Float[Tensor, " h"], least: float) -> Float[Tensor, " h"]:
    """The reference's function."""
    values = values if values.stride(1) == 1 else values.contiguous()
    centre = centre.to(torch.promote_types(values.dtype, torch.float32)).contiguous()
    mean, (rows, columns) = torch.empty_like(centre), values.shape
    function = f"deviation_{DTYPES[values.dtype]}"
    NATIVE.run(function, values, centre, mean, rows, columns, values.stride(0), float(least))
    return mean
