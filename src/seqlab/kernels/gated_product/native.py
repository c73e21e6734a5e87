"""A product with a gate in C++ on the CPU, as a step of generation has it: one call for two to four."""

from __future__ import annotations

from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from seqlab.kernels.gated_product.reference import Gate
from seqlab.kernels.native import DTYPES, Native, few_without_gradient

__all__ = ["NATIVE", "gated_product_native", "serves"]

NATIVE = Native(Path(__file__).with_name("gated_product.cpp"))


def serves(gate: Tensor, x: Tensor) -> bool:
    """Whether the C++ product takes these: x as the gate, or in float32."""
    fits = gate.dtype != torch.float64 and x.dtype in (gate.dtype, torch.float32) and gate.shape == x.shape
    return fits and few_without_gradient(gate, x) and NATIVE.serves(gate)


def gated_product_native(
    gate: Float[Tensor, "*b d"], x: Float[Tensor, "*b d"], function: Gate
) -> Float[Tensor, "*b d"]:
    """The reference's function."""
    y = torch.empty(gate.shape, dtype=gate.dtype)
    gate, x = _rows(gate), _rows(x)
    kind = "" if x.dtype == gate.dtype else f"_{DTYPES[x.dtype]}"
    width = gate.shape[-1]
    sizes = gate.numel() // width, width, gate.stride(0), x.stride(0), int(function == "silu")
    NATIVE.run(f"product_{DTYPES[gate.dtype]}{kind}", gate, x, y, *sizes)
    return y


def _rows(x: Tensor) -> Tensor:
    """(rows, D): x itself where it is rows without gaps inside, else without any gaps."""
    return x if x.ndim == 2 and x.stride(-1) == 1 else x.contiguous().view(-1, x.shape[-1])
