"""Which RMS norm runs: in C++ on a CPU where it could be compiled; else the fused one, at every size; the reference for
many models at once."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from seqlab.kernels.members import of_many
from seqlab.kernels.rms_norm.fast import rms_norm_fused
from seqlab.kernels.rms_norm.native import rms_norm_native, serves
from seqlab.kernels.rms_norm.reference import rms_norm_reference
from seqlab.kernels.taken import take

__all__ = ["rms_norm"]


def rms_norm(
    x: Float[Tensor, "*b d"], weight: Float[Tensor, " d"] | None = None, eps: float = 1e-6
) -> Float[Tensor, "*b d"]:
    """x / sqrt(mean(x^2) + eps) . weight over the last axis (arXiv 1910.07467), in float32 or wider, in x's dtype."""
    if of_many(x, weight):
        take("rms_norm", "reference")
        return rms_norm_reference(x, weight, eps)
    if serves(x, weight):
        take("rms_norm", "native")
        return rms_norm_native(x, weight, eps)
    take("rms_norm", "fused")
    return rms_norm_fused(x, weight, eps)
