"""Which long convolution runs: the C++ one on a CPU where it could be compiled, torch's Fourier transform elsewhere.

On a GPU that transform is cuFFT or hipFFT: a well-kept library, which no kernel of ours would better.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from seqlab.kernels.long_convolution.fast import long_convolution_fft
from seqlab.kernels.long_convolution.native import NATIVE, long_convolution_native
from seqlab.kernels.shapes import fitting
from seqlab.kernels.taken import take

__all__ = ["long_convolution"]


@fitting
def long_convolution(
    u: Float[Tensor, "b l d"],
    taps: Float[Tensor, "d k"],
    skip: Float[Tensor, " d"],
    taps_back: Float[Tensor, "d k"] | None = None,
) -> Float[Tensor, "b l d"]:
    """Convolution of each channel with its own kernel, plus a skip, in u's dtype; causal without `taps_back`.

    y_t = sum_{s <= t} taps_{t-s} u_s + skip u_t, and + sum_{s > t} back_{s-t-1} u_s where there are taps behind. l and
    k are free of each other; sums are in float32 or wider; the gradient exists once.
    """
    if NATIVE.serves(u):
        take("long_convolution", "native")
        return long_convolution_native(u, taps, skip, taps_back)
    take("long_convolution", "torch fft")
    return long_convolution_fft(u, taps, skip, taps_back)
