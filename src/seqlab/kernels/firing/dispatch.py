"""Which count runs: in C++ on a CPU without a gradient, else torch's operations."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from seqlab.kernels.firing.fast import firing_sums
from seqlab.kernels.firing.native import firing_native, serves
from seqlab.kernels.shapes import fitting
from seqlab.kernels.taken import take

__all__ = ["firing"]


@fitting
def firing(values: Float[Tensor, "l h"]) -> tuple[Float[Tensor, " h"], Float[Tensor, " h"]]:
    """How many of each column are above 0, in float64, and the highest of each; a NaN is the highest, and not above
    0."""
    if serves(values):
        take("firing", "native")
        return firing_native(values)
    take("firing", "torch")
    return firing_sums(values)
