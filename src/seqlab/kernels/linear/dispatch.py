"""Which linear map runs: a few vectors by the C++ product, on a CPU and without a gradient; oneDNN's for large products
in float32 on AMD processors with AVX-512; else torch's own."""

from __future__ import annotations

import functools
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from seqlab.kernels.linear.fast import linear_onednn
from seqlab.kernels.matrix_vector import serves
from seqlab.kernels.matrix_vector.native import matrix_vector_native
from seqlab.kernels.members import of_many
from seqlab.kernels.taken import take

__all__ = ["linear"]

LEAST_PRODUCTS = 2**21
"""Below this a call of oneDNN costs more than it saves (about 10 microseconds)."""


def linear(
    x: Float[Tensor, "*bl d"], weight: Float[Tensor, "e d"], bias: Float[Tensor, " e"] | None = None
) -> Float[Tensor, "*bl e"]:
    """y = weight x + bias over the last axis, in x's dtype; weights are laid out as in torch.nn.Linear."""
    if serves(x, weight, bias):
        take("linear", "matrix_vector")
        return matrix_vector_native(x, weight, None, bias)
    large = x.numel() * len(weight) >= LEAST_PRODUCTS and not of_many(x, weight)
    if large and x.dtype == weight.dtype == torch.float32 and x.device.type == "cpu" and _onednn_is_faster():
        take("linear", "onednn")
        return linear_onednn(x, weight, bias)
    take("linear", "torch")
    return F.linear(x, weight, bias)


def _onednn_is_faster() -> bool:
    return not torch.compiler.is_compiling() and _is_amd_with_avx512() and torch.backends.mkldnn.is_available()


@functools.cache
def _is_amd_with_avx512() -> bool:
    try:
        told = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    return "AuthenticAMD" in told and torch.backends.cpu.get_cpu_capability() == "AVX512"
