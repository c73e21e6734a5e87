"""Which layer norm runs: the C++ one on a CPU where it could be compiled, else torch's; torch's for many models at
once."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from seqlab.kernels.layer_norm.fast import layer_norm_torch
from seqlab.kernels.layer_norm.native import NATIVE, layer_norm_native
from seqlab.kernels.members import of_many
from seqlab.kernels.taken import take

__all__ = ["layer_norm"]


def layer_norm(x: Float[Tensor, "*b d"], eps: float = 1e-5) -> Float[Tensor, "*b d"]:
    """(x - mean) / sqrt(variance + eps) over the last axis, the variance that of the population, without weight and
    bias (arXiv 1607.06450); in float32 or wider, in x's dtype."""
    if not of_many(x) and NATIVE.serves(x):
        take("layer_norm", "native")
        return layer_norm_native(x, eps)
    take("layer_norm", "torch")
    return layer_norm_torch(x, eps)
