"""Which RMS norm runs: the fused one, at every size."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from seqlab.kernels.rms_norm.fast import rms_norm_fused
from seqlab.kernels.taken import take

__all__ = ["rms_norm"]


def rms_norm(
    x: Float[Tensor, "*b d"], weight: Float[Tensor, " d"] | None = None, eps: float = 1e-6
) -> Float[Tensor, "*b d"]:
    """x / sqrt(mean(x^2) + eps) . weight over the last axis (arXiv 1910.07467), in float32 or wider, in x's dtype."""
    take("rms_norm", "fused")
    return rms_norm_fused(x, weight, eps)
