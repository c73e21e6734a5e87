"""Which dropout runs: the C++ one on a CPU where it could be compiled, else the reference, whose draws are the same."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from seqlab.kernels.dropout.native import NATIVE, dropout_native
from seqlab.kernels.dropout.reference import dropout_reference
from seqlab.kernels.members import of_many
from seqlab.kernels.taken import take

__all__ = ["dropout"]


def dropout(x: Float[Tensor, "*bl d"], share: float, seed: int) -> Float[Tensor, "*bl d"]:
    """x with a share of its entries set to 0 and the others divided by 1 - share (arXiv 1207.0580), in x's dtype.

    What is dropped follows from the seed and the shape (leading axes, width) alone. Raises ValueError for a share
    outside [0, 1)."""
    if not of_many(x) and NATIVE.serves(x):
        take("dropout", "native")
        return dropout_native(x, share, seed)
    take("dropout", "reference")
    return dropout_reference(x, share, seed)
