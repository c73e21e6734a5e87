"""Which product with a gate runs: in C++ for a few rows on a CPU without a gradient, else torch's operations."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from seqlab.kernels.gated_product.native import gated_product_native, serves
from seqlab.kernels.gated_product.reference import Gate, gated_product_reference
from seqlab.kernels.taken import take

__all__ = ["gated_product"]


def gated_product(
    gate: Float[Tensor, "*b d"], x: Float[Tensor, "*b d"], function: Gate = "sigmoid"
) -> Float[Tensor, "*b d"]:
    """f(gate) . x with f a sigmoid or silu(g) = g sigmoid(g) (arXiv 2002.05202); x may be wider than the gate, whose
    dtype the result has."""
    if serves(gate, x):
        take("gated_product", "native")
        return gated_product_native(gate, x, function)
    take("gated_product", "torch")
    return gated_product_reference(gate, x, function)
