"""Complex numbers as real tensors: the axis before the last holds the real part alone, or real and imaginary part."""

from __future__ import annotations

import torch
from jaxtyping import Float, Inexact
from torch import Tensor

__all__ = ["numbers", "parts"]


def numbers(x: Float[Tensor, "*b p d"]) -> Inexact[Tensor, "*b d"]:
    """The real numbers of one part, or the complex numbers of two."""
    return x[..., 0, :] if x.shape[-2] == 1 else torch.complex(x[..., 0, :], x[..., 1, :])


def parts(x: Inexact[Tensor, "*b d"]) -> Float[Tensor, "*b p d"]:
    """The inverse of `numbers`."""
    return torch.stack([x.real, x.imag], dim=-2) if x.is_complex() else x[..., None, :]
