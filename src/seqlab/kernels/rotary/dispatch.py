"""Which rotary embedding runs: the one by halves, at every size; the reference for many models at once."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor

from seqlab.kernels.members import of_many
from seqlab.kernels.rotary.fast import rotary_halves
from seqlab.kernels.rotary.reference import rotary_reference
from seqlab.kernels.taken import take

__all__ = ["rotary"]


def rotary(
    x: Float[Tensor, "b l h d"], position: Int[Tensor, "#b l"], base: float = 10000.0
) -> Float[Tensor, "b l h d"]:
    """Rotary position embedding (RoFormer, arXiv 2104.09864), in x's dtype; d is even.

    Convention "rotate half" (GPT-NeoX, Llama): features i and i + d/2 form a plane that turns by position x
    base^(-2i/d); the paper pairs neighbours, which is the same up to a fixed order of features. Rows may stand at
    positions of their own.
    """
    if of_many(x):
        take("rotary", "reference")
        return rotary_reference(x, position, base)
    take("rotary", "halves")
    return rotary_halves(x, position, base)
