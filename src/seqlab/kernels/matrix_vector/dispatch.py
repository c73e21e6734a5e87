"""Which product of a matrix and a few vectors runs: the C++ one on a CPU where nothing is to be differentiated, else
torch's of the widened matrix."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int8, UInt8
from torch import Tensor

from seqlab.kernels.matrix_vector.fast import widened_int4, widened_int8
from seqlab.kernels.matrix_vector.native import NATIVE, matrix_vector_native
from seqlab.kernels.matrix_vector.packing import GROUP
from seqlab.kernels.native import without_gradient
from seqlab.kernels.shapes import fitting
from seqlab.kernels.taken import take

__all__ = ["FEW", "matrix_vector", "matrix_vector_int4", "matrix_vector_int8", "serves"]

FEW = 8
"""Vectors up to which the weights' way from memory is the longer part of the work."""


def matrix_vector(
    x: Float[Tensor, "*bl d"], weight: Float[Tensor, "e d"], bias: Float[Tensor, " e"] | None = None
) -> Float[Tensor, "*bl e"]:
    """y = weight x + bias over the last axis, in x's dtype, summed in float32 or wider."""
    if serves(x, weight, bias):
        take("matrix_vector", "native")
        return matrix_vector_native(x, weight, None, bias)
    take("matrix_vector", "torch")
    return F.linear(x, weight, bias)


@fitting
def matrix_vector_int8(
    x: Float[Tensor, "*bl d"],
    weight: Int8[Tensor, "e d"],
    scale: Float[Tensor, " e"],
    bias: Float[Tensor, " e"] | None = None,
) -> Float[Tensor, "*bl e"]:
    """The same with the matrix in eight bits, row e times scale_e (float32); x is not quantised."""
    if _few(x) and _native(x, weight, bias):
        take("matrix_vector_int8", "native")
        return matrix_vector_native(x, weight, scale, bias)
    take("matrix_vector_int8", "torch")
    return F.linear(x, widened_int8(weight, scale).to(x.dtype), bias)


def matrix_vector_int4(
    x: Float[Tensor, "*bl d"],
    weight: UInt8[Tensor, "e c"],
    scale: Float[Tensor, "e g"],
    bias: Float[Tensor, " e"] | None = None,
) -> Float[Tensor, "*bl e"]:
    """The same with the matrix in four bits, a float32 scale for each group of 32 entries (`pack_int4`)."""
    groups = -(-x.shape[-1] // GROUP)
    if weight.shape[-1] != groups * GROUP // 2 or scale.shape != (len(weight), groups):
        shapes = f"x {tuple(x.shape)}, weight {tuple(weight.shape)}, scale {tuple(scale.shape)}"
        raise ValueError(f"matrix_vector_int4 takes {groups} groups for {x.shape[-1]} entries, got {shapes}.")
    if _few(x) and _native(x, weight, bias):
        take("matrix_vector_int4", "native")
        return matrix_vector_native(x, weight, scale, bias)
    take("matrix_vector_int4", "torch")
    return F.linear(x, widened_int4(weight, scale, x.shape[-1]).to(x.dtype), bias)


def serves(x: Tensor, weight: Tensor, bias: Tensor | None) -> bool:
    """Whether the C++ product takes these floats, and would not be slower than torch's."""
    return _few(x) and x.dtype == weight.dtype and x.shape[-1] == weight.shape[-1] and _native(x, weight, bias)


def _few(x: Tensor) -> bool:
    return x.numel() <= FEW * x.shape[-1]


def _native(x: Tensor, weight: Tensor, bias: Tensor | None) -> bool:
    fits = x.dtype in (torch.float32, torch.bfloat16) and weight.is_contiguous() and weight.device == x.device
    plain = bias is None or (bias.dtype == x.dtype and bias.is_contiguous())
    given = [x, weight] if bias is None else [x, weight, bias]
    return fits and plain and weight.numel() > 0 and without_gradient(*given) and NATIVE.serves(x)
