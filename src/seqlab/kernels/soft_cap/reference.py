"""The soft cap by its definition."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

__all__ = ["soft_cap_reference"]


def soft_cap_reference(x: Float[Tensor, "*b d"], cap: float) -> Float[Tensor, "*b d"]:
    """cap tanh(x / cap)."""
    return cap * (x / cap).tanh()
