"""The matrix that eight or four bits stand for, in torch's operations: what serves many vectors, and any device."""

from __future__ import annotations

from jaxtyping import Float, Int8, UInt8
from torch import Tensor

from seqlab.kernels.matrix_vector.packing import unpack_int4

__all__ = ["widened_int4", "widened_int8"]


def widened_int8(weight: Int8[Tensor, "e d"], scale: Float[Tensor, " e"]) -> Float[Tensor, "e d"]:
    """The matrix in the scale's dtype."""
    return weight * scale[:, None]


def widened_int4(weight: UInt8[Tensor, "e c"], scale: Float[Tensor, "e g"], width: int) -> Float[Tensor, "e d"]:
    """The matrix in the scale's dtype, its rows `width` long."""
    return (unpack_int4(weight) * scale[..., None]).flatten(-2)[:, :width]
