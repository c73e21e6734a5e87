"""Weights in eight and in four bits, and how they lie in memory."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int8, UInt8
from torch import Tensor

__all__ = ["GROUP", "pack_int4", "pack_int8", "unpack_int4"]

GROUP = 32
"""Neighbouring entries of a row that share a scale in four bits; the row is filled up with zeros to a whole number."""


def pack_int8(weight: Float[Tensor, "e d"]) -> tuple[Int8[Tensor, "e d"], Float[Tensor, " e"]]:
    """Whole numbers from -127 to 127 and a float32 scale for each row, so that the largest of a row is exact."""
    wide = weight.float()
    scale = _scale(wide.abs().amax(-1), 127)
    return (wide / scale[:, None]).round().to(torch.int8), scale


def pack_int4(weight: Float[Tensor, "e d"]) -> tuple[UInt8[Tensor, "e c"], Float[Tensor, "e g"]]:
    """Whole numbers from -7 to 7, two a byte, and a float32 scale for each group of 32.

    Byte i of a group's 16 holds entry i in its lower bits and entry 16 + i in its upper ones, each with 8 added.
    """
    groups = F.pad(weight.float(), (0, -weight.shape[1] % GROUP)).unflatten(-1, (-1, GROUP))
    scale = _scale(groups.abs().amax(-1), 7)
    low, high = ((groups / scale[..., None]).round() + 8).to(torch.uint8).chunk(2, dim=-1)
    return (low | high << 4).flatten(-2), scale


def unpack_int4(packed: UInt8[Tensor, "e c"]) -> Float[Tensor, "e g 32"]:
    """The whole numbers of every group, as float32."""
    byte = packed.unflatten(-1, (-1, GROUP // 2))
    return torch.cat([byte & 15, byte >> 4], dim=-1).float() - 8


def _scale(largest: Tensor, most: int) -> Tensor:
    """What a step is worth; 1 where all is zero."""
    return torch.where(largest > 0, largest / most, 1.0)
