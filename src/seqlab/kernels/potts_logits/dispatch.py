"""Which conditional logits run: always those without couplings."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor

from seqlab.kernels.potts_logits.fast import potts_logits_sums
from seqlab.kernels.potts_logits.reference import Form
from seqlab.kernels.shapes import fitting
from seqlab.kernels.taken import take

__all__ = ["potts_logits"]


@fitting
def potts_logits(
    left: Float[Tensor, "b h l e"],
    right: Float[Tensor, "b h l e"],
    fields: Float[Tensor, "b l e"],
    letters: Int[Tensor, "b s l"],
    form: Form = "all",
) -> Float[Tensor, "b s l e"]:
    """Logits of each site's letter given the others': h_i(a) + sum_{j != i} J_ij(a, x_j).

    Couplings are J_ij(a, b) = sum_h left_h(i, a) right_h(j, b), probable where positive; E letters, S sequences of
    length L. form: `all` others (pseudo-likelihood), those `before` i, or these divided by max(i, 1), i from 0
    (arXiv 2406.11975, arDCA). Sites that are padding have zero factors.
    """
    take("potts_logits", "sums")
    return potts_logits_sums(left, right, fields, letters, form)
