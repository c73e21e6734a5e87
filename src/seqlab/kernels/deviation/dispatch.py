"""Which mean distance runs: in C++ on a CPU without a gradient, else torch's operations."""

from __future__ import annotations

import math

from jaxtyping import Float
from torch import Tensor

from seqlab.kernels.deviation.native import deviation_native, serves
from seqlab.kernels.deviation.reference import deviation_reference
from seqlab.kernels.shapes import fitting
from seqlab.kernels.taken import take

__all__ = ["deviation"]


@fitting
def deviation(
    values: Float[Tensor, "l h"], centre: Float[Tensor, " h"], least: float = -math.inf
) -> Float[Tensor, " h"]:
    """The mean of |max(value, least) - centre| over each column, in float32 or wider."""
    if serves(values, centre):
        take("deviation", "native")
        return deviation_native(values, centre, least)
    take("deviation", "torch")
    return deviation_reference(values, centre, least)
