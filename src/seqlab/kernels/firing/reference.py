"""The count by its definition."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

__all__ = ["firing_reference"]


def firing_reference(values: Float[Tensor, "l h"]) -> tuple[Float[Tensor, " h"], Float[Tensor, " h"]]:
    """How many of each column are above 0, in float64, and the highest."""
    return (values > 0).sum(0).double(), values.amax(0)
