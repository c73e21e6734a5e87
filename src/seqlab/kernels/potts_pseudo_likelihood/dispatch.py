"""Which pseudo-likelihood runs: the C++ one on a CPU where it could be compiled, else a product of matrices."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqlab.kernels.potts_pseudo_likelihood.fast import potts_pseudo_likelihood_product
from seqlab.kernels.potts_pseudo_likelihood.native import NATIVE, WIDEST, potts_pseudo_likelihood_native
from seqlab.kernels.shapes import fitting
from seqlab.kernels.taken import take

__all__ = ["potts_pseudo_likelihood"]


@fitting
def potts_pseudo_likelihood(
    fields: Float[Tensor, "l e"],
    couplings: Float[Tensor, "l e l e"],
    letters: Int[Tensor, "s l"],
    weights: Float[Tensor, " s"],
) -> Float[Tensor, ""]:
    """Weighted sum over sequences n and sites i of -log p(x_ni | the other letters of n), in nats (arXiv 1211.1281).

    couplings (L, E, L, E) are read at every ordered pair, those of a site with itself not at all. The letter E is no
    letter: it has no term and nobody is coupled to it. On a CPU there is no second derivative, and none of weights.
    """
    plain = not weights.requires_grad and fields.dtype in (torch.float32, torch.float64)
    if plain and fields.shape[1] <= WIDEST and len(letters) and NATIVE.serves(fields):
        take("potts_pseudo_likelihood", "native")
        return potts_pseudo_likelihood_native(fields, couplings, letters, weights)
    take("potts_pseudo_likelihood", "product")
    return potts_pseudo_likelihood_product(fields, couplings, letters, weights)
