"""A matrix times vectors by its definition, the matrix in floats, in eight bits or in four."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int8, UInt8
from torch import Tensor

__all__ = ["matrix_vector_int4_reference", "matrix_vector_int8_reference", "matrix_vector_reference"]


def matrix_vector_reference(
    x: Float[Tensor, "*bl d"], weight: Float[Tensor, "e d"], bias: Float[Tensor, " e"] | None = None
) -> Float[Tensor, "*bl e"]:
    """y_e = sum_d weight_ed x_d + bias_e."""
    y = (x[..., None, :] * weight).sum(-1)
    return y if bias is None else y + bias


def matrix_vector_int8_reference(
    x: Float[Tensor, "*bl d"],
    weight: Int8[Tensor, "e d"],
    scale: Float[Tensor, " e"],
    bias: Float[Tensor, " e"] | None = None,
) -> Float[Tensor, "*bl e"]:
    """y_e = scale_e sum_d weight_ed x_d + bias_e."""
    return matrix_vector_reference(x, weight.to(x.dtype) * scale[:, None].to(x.dtype), bias)


def matrix_vector_int4_reference(
    x: Float[Tensor, "*bl d"],
    weight: UInt8[Tensor, "e c"],
    scale: Float[Tensor, "e g"],
    bias: Float[Tensor, " e"] | None = None,
) -> Float[Tensor, "*bl e"]:
    """The same with a scale for each group of 32 entries, whose byte i holds entry i (bits 0 to 3) and entry 16 + i
    (bits 4 to 7), each with 8 added."""
    rows = []
    for packed, own in zip(weight, scale, strict=True):
        entries = []
        for group, step in zip(packed.view(-1, 16), own, strict=True):
            halves = [byte % 16 for byte in group], [byte // 16 for byte in group]
            entries += [(int(entry) - 8) * step for half in halves for entry in half]
        rows.append(x.new_tensor(entries[: x.shape[-1]]))
    return matrix_vector_reference(x, torch.stack(rows), bias)
