"""Which approximation of gelu runs: the C++ one on a CPU where it could be compiled, else torch's; torch's for many
models at once."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from seqlab.kernels.gelu_tanh.fast import gelu_tanh_torch
from seqlab.kernels.gelu_tanh.native import NATIVE, gelu_tanh_native
from seqlab.kernels.members import of_many
from seqlab.kernels.taken import take

__all__ = ["gelu_tanh"]


def gelu_tanh(x: Float[Tensor, "*bl d"]) -> Float[Tensor, "*bl d"]:
    """x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) in float32 or wider, in x's dtype (arXiv 1606.08415)."""
    if not of_many(x) and NATIVE.serves(x):
        take("gelu_tanh", "native")
        return gelu_tanh_native(x)
    take("gelu_tanh", "torch")
    return gelu_tanh_torch(x)
