"""Which pseudo-likelihood runs: the C++ one on a CPU where it could be compiled, else a product of matrices."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqlab.kernels.potts_pseudo_likelihood.fast import potts_pseudo_likelihood_product
from seqlab.kernels.potts_pseudo_likelihood.native import NATIVE, WIDEST, potts_pseudo_likelihood_native
from seqlab.kernels.potts_pseudo_likelihood.reference import Seen
from seqlab.kernels.shapes import fitting
from seqlab.kernels.taken import take

__all__ = ["potts_pseudo_likelihood"]


@fitting
def potts_pseudo_likelihood(
    fields: Float[Tensor, "l e"],
    couplings: Float[Tensor, "pairs e e"],
    letters: Int[Tensor, "s l"],
    weights: Float[Tensor, " s"],
    seen: Seen = "all",
) -> Float[Tensor, ""]:
    """Weighted sum over sequences n and sites i of -log p(x_ni | letters of n that i sees), in nats (arXiv 1211.1281).

    couplings: J_ij(a, b) of the pairs i < j, in the order of torch.triu_indices. `all`: a site sees all others,
    `before`: those before it. The letter E is no letter: it has no term and nobody is coupled to it. On a CPU there is
    no second derivative, and none of weights. Raises ValueError for other letters or another number of pairs.
    """
    length, size = fields.shape
    if len(couplings) != length * (length - 1) // 2:
        raise ValueError(f"{length} sites have {length * (length - 1) // 2} pairs, and there are {len(couplings)}.")
    if len(letters) and (int(letters.min()) < 0 or int(letters.max()) > size):
        raise ValueError(f"letters are 0 to {size}, and here from {int(letters.min())} to {int(letters.max())}.")
    plain = not weights.requires_grad and fields.dtype in (torch.float32, torch.float64)
    if plain and size <= WIDEST and len(letters) and len(couplings) and NATIVE.serves(fields):
        take("potts_pseudo_likelihood", "native")
        return potts_pseudo_likelihood_native(fields, couplings, letters, weights, seen)
    take("potts_pseudo_likelihood", "product")
    return potts_pseudo_likelihood_product(fields, couplings, letters, weights, seen)
