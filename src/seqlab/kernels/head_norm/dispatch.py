"""Which norm of heads runs: in C++ for a few rows on a CPU without a gradient, else torch's operations."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from seqlab.kernels.head_norm.native import head_norm_native, serves
from seqlab.kernels.head_norm.reference import head_norm_reference
from seqlab.kernels.taken import take

__all__ = ["head_norm"]


def head_norm(x: Float[Tensor, "*b h e"], weight: Float[Tensor, "h e"], eps: float) -> Float[Tensor, "*b h e"]:
    """The layer norm of each head, then a weight for every feature, in float32 or wider (arXiv 2405.04517)."""
    if serves(x, weight):
        take("head_norm", "native")
        return head_norm_native(x, weight, eps)
    take("head_norm", "torch")
    return head_norm_reference(x, weight, eps)
