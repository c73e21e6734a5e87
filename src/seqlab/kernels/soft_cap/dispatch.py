"""Which soft cap runs: in C++ on a CPU without a gradient, else torch's operations."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from seqlab.kernels.soft_cap.native import serves, soft_cap_native
from seqlab.kernels.soft_cap.reference import soft_cap_reference
from seqlab.kernels.taken import take

__all__ = ["soft_cap"]


def soft_cap(x: Float[Tensor, "*b d"], cap: float) -> Float[Tensor, "*b d"]:
    """cap tanh(x / cap): like x near 0, never beyond the cap (arXiv 2408.00118)."""
    if serves(x):
        take("soft_cap", "native")
        return soft_cap_native(x, cap)
    take("soft_cap", "torch")
    return soft_cap_reference(x, cap)
