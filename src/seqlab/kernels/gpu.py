"""Whether kernels in Triton can run; they are a GPU's faster way, and nothing depends on them."""

from __future__ import annotations

import functools
import importlib.util

import torch
from torch import Tensor

__all__ = ["triton_serves"]


def triton_serves(x: Tensor) -> bool:
    """x lies on an NVIDIA or AMD GPU, Triton is installed, and torch is not compiling."""
    return x.is_cuda and not torch.compiler.is_compiling() and _installed()


@functools.cache
def _installed() -> bool:
    return importlib.util.find_spec("triton") is not None
