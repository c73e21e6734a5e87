"""The transpose of a matrix in C++ on the CPU (transpose.cpp): torch spends more than twice as long on it."""

from __future__ import annotations

from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from seqlab.kernels.native import Native, without_gradient

__all__ = ["NATIVE", "transposed"]

NATIVE = Native(Path(__file__).with_name("transpose.cpp"))


def transposed(x: Float[Tensor, "n d"]) -> Float[Tensor, "d n"]:
    """x^T with its rows one behind the other in memory; in C++ for float32 on a CPU."""
    if x.T.is_contiguous() or x.dtype != torch.float32 or not without_gradient(x) or not NATIVE.serves(x):
        return x.T.contiguous()
    y = x.new_empty(x.shape[1], x.shape[0])
    NATIVE.run("transpose_float32", x.contiguous(), y, *x.shape)
    return y
