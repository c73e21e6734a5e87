"""Positions that are added to an embedding."""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["sinusoidal"]


def sinusoidal(position: Tensor, dim: int) -> Tensor:
    """Fixed positions of arXiv 1706.03762: (...,) -> (..., dim) float32, sines and cosines interleaved.

    Feature 2i is sin(p / 10000^(2i/dim)), feature 2i+1 its cosine; an odd `dim` drops the last cosine.
    """
    even = torch.arange(0, dim, 2, device=position.device, dtype=torch.float32)
    angle = position[..., None].float() * torch.exp(even * (-math.log(10000.0) / dim))
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(-2)[..., :dim]
