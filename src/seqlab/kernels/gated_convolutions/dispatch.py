"""Which of Hyena's recurrences runs: the whole in C++ on a CPU where it could be compiled, else part by part."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from seqlab.kernels.gated_convolutions.fast import gated_convolutions_parts
from seqlab.kernels.gated_convolutions.native import NATIVE, gated_convolutions_native
from seqlab.kernels.shapes import fitting
from seqlab.kernels.taken import take

__all__ = ["gated_convolutions"]


@fitting
def gated_convolutions(
    projected: Float[Tensor, "b l s d"],
    short_weight: Float[Tensor, "s d j"],
    short_bias: Float[Tensor, "s d"],
    taps: Float[Tensor, "s-2 d k"],
    skip: Float[Tensor, "s-2 d"],
    taps_back: Float[Tensor, "s-2 d k"] | None = None,
    *,
    dropout: float = 0.0,
) -> Float[Tensor, "b l d"]:
    """Hyena after its input linear (arXiv 2302.10866): x_0 . v, v <- h_o * (x_{s-2-o} . v) + D_o . (x_{s-2-o} . v).

    The slots are x_0 .. x_{s-2} and v, each after a causal convolution of j taps; o runs from 0 to s-3. `taps_back`:
    the kernels' taps at later positions (`long_convolution`). dropout: share dropped of what enters a long
    convolution. Sums are in float32 or wider, the result in projected's dtype.
    """
    if dropout == 0 and NATIVE.serves(projected):
        take("gated_convolutions", "native")
        return gated_convolutions_native(projected, short_weight, short_bias, taps, skip, taps_back)
    take("gated_convolutions", "parts")
    return gated_convolutions_parts(projected, short_weight, short_bias, taps, skip, taps_back, dropout)
