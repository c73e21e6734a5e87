"""A matrix times up to `FEW` vectors in C++ on the CPU: weights are read once, at the speed of the memory."""

from __future__ import annotations

from pathlib import Path

from jaxtyping import Float, Shaped
from torch import Tensor

from seqlab.kernels.native import DTYPES, Native

__all__ = ["NATIVE", "matrix_vector_native"]

NATIVE = Native(Path(__file__).with_name("matrix_vector.cpp"))


def matrix_vector_native(
    x: Float[Tensor, "*bl d"],
    weight: Shaped[Tensor, "e c"],
    scale: Float[Tensor, ...] | None,
    bias: Float[Tensor, " e"] | None,
) -> Float[Tensor, "*bl e"]:
    """y = weight x + bias, summed in float32. Without a scale the weight has x's dtype; with one it is int8, and the
    scale (e,), or uint8, two entries a byte, and the scale (e, g)."""
    x = x.contiguous()
    y = x.new_empty(*x.shape[:-1], len(weight))
    kind = "" if scale is None else f"_{str(weight.dtype).removeprefix('torch.')}"
    sizes = x.numel() // x.shape[-1], len(weight), x.shape[-1]
    NATIVE.run(f"multiply_{DTYPES[x.dtype]}{kind}", x, weight, scale, bias, y, *sizes)
    return y
