"""A matrix times vectors in torch's operations, for any number of vectors, on any device."""

from __future__ import annotations

from jaxtyping import Float, Int8, UInt8
from torch import Tensor

from seqlab.kernels.matrix_vector.packing import unpack_int4

__all__ = ["widened_int4", "widened_int8"]


def widened_int8(
    weight: Int8[Tensor, "e d"], scale: Float[Tensor, " e"], like: Float[Tensor, ...]
) -> Float[Tensor, "e d"]:
    """The matrix in the dtype of `like`."""
    return (weight * scale[:, None]).to(like.dtype)


def widened_int4(
    weight: UInt8[Tensor, "e c"], scale: Float[Tensor, "e g"], like: Float[Tensor, "*bl d"]
) -> Float[Tensor, "e d"]:
    """The matrix in the dtype of `like`, its rows as long as the last axis of `like`."""
    groups = unpack_int4(weight).mul_(scale[..., None])
    return groups.flatten(-2)[:, : like.shape[-1]].to(like.dtype)
