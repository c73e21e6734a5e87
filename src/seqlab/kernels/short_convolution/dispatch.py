"""Which short convolution runs: the C++ one on a CPU where it could be compiled and features lie last, else shifts."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from seqlab.kernels.shapes import fitting
from seqlab.kernels.short_convolution.fast import short_convolution_shifts
from seqlab.kernels.short_convolution.native import NATIVE, short_convolution_native
from seqlab.kernels.taken import take

__all__ = ["short_convolution"]


@fitting
def short_convolution(
    x: Float[Tensor, "b l d"], weight: Float[Tensor, "d k"], bias: Float[Tensor, " d"] | None = None
) -> Float[Tensor, "b l d"]:
    """Depthwise causal convolution: y_t = bias + sum_j weight_j x_{t-(k-1)+j}, in x's dtype and strides."""
    if x.is_contiguous() and NATIVE.serves(x):
        take("short_convolution", "native")
        return short_convolution_native(x, weight, bias)
    take("short_convolution", "shifts")
    return short_convolution_shifts(x, weight, bias)
