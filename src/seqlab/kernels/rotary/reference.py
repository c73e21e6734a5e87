"""The rotary embedding by its definition: each pair of features is a plane that turns with the position."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

__all__ = ["rotary_reference"]


def rotary_reference(
    x: Float[Tensor, "b l h d"], position: Int[Tensor, "#b l"], base: float = 10000.0
) -> Float[Tensor, "b l h d"]:
    """Features i and i + d/2 are multiplied, as a complex number, by exp(i position base^(-2i/d))."""
    wide = torch.promote_types(x.dtype, torch.float32)
    half = x.shape[-1] // 2
    rate = base ** (-torch.arange(half, dtype=wide, device=x.device) / half)
    angle = (position[..., None] * rate)[:, :, None, :]
    plane = torch.complex(x[..., :half].to(wide), x[..., half:].to(wide))
    turned = plane * torch.polar(torch.ones_like(angle), angle)
    return torch.cat([turned.real, turned.imag], dim=-1).to(x.dtype)
