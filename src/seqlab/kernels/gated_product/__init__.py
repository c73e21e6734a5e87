"""A product with a gate."""

from seqlab.kernels.gated_product.dispatch import gated_product
from seqlab.kernels.gated_product.reference import Gate

__all__ = ["Gate", "gated_product"]
