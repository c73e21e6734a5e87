"""The recurrence in C++ on the CPU (scan.cpp)."""

from __future__ import annotations

from pathlib import Path

from jaxtyping import Float
from torch import Tensor

from seqlab.kernels.native import DTYPES, Native
from seqlab.kernels.scan.one_pass import scan_in_one_pass

__all__ = ["NATIVE", "scan_native"]

NATIVE = Native(Path(__file__).with_name("scan.cpp"))


def scan_native(
    u: Float[Tensor, "b l p d"], decay: Float[Tensor, "*bl q d"], initial: Float[Tensor, "b q d"] | None = None
) -> Float[Tensor, "b l q d"]:
    """The reference's function, in float32 or float64, where `NATIVE.usable()`."""
    return scan_in_one_pass(u, decay, initial, _run)


def _run(function: str, *tensors: Tensor, like: Tensor) -> None:
    batch, length, input_parts, features = like.shape
    decay = tensors[1]
    sizes = batch, length, features, input_parts, decay.shape[-2], int(decay.ndim == 2)
    NATIVE.run(f"{function}_{DTYPES[like.dtype]}", *tensors, *sizes)
