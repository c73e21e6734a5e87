"""Which squared norm runs: always that without couplings."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from seqlab.kernels.potts_logits.reference import Form
from seqlab.kernels.potts_penalty.fast import potts_penalty_sums
from seqlab.kernels.shapes import fitting
from seqlab.kernels.taken import take

__all__ = ["potts_penalty"]


@fitting
def potts_penalty(
    left: Float[Tensor, "b h l e"], right: Float[Tensor, "b h l e"], form: Form = "all"
) -> Float[Tensor, " b"]:
    """|J|^2 of each Potts model: over ordered pairs (ij and ji), or, before i, over one triangle as it is scaled there.

    Couplings and forms as in potts_logits.
    """
    take("potts_penalty", "sums")
    return potts_penalty_sums(left, right, form)
