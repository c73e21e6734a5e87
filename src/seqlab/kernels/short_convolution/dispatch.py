"""Which short convolution runs: the shifted one, at every size."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from seqlab.kernels.short_convolution.fast import short_convolution_shifts
from seqlab.kernels.taken import take

__all__ = ["short_convolution"]


def short_convolution(
    x: Float[Tensor, "b l d"], weight: Float[Tensor, "d k"], bias: Float[Tensor, " d"] | None = None
) -> Float[Tensor, "b l d"]:
    """Depthwise causal convolution: y_t = bias + sum_j weight_j x_{t-(k-1)+j}, in x's dtype and strides."""
    take("short_convolution", "shifts")
    return short_convolution_shifts(x, weight, bias)
