"""The same by sums of numbers, which torch does four times as fast as it counts booleans."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["firing_sums"]


def firing_sums(values: Float[Tensor, "l h"]) -> tuple[Float[Tensor, " h"], Float[Tensor, " h"]]:
    """The reference's function; the count is exact up to 2^24 rows."""
    return values.detach().relu().sign().sum(0, dtype=torch.float32).double(), values.amax(0)
