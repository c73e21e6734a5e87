"""Which long convolution runs: the Fourier transform, at every size."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from seqlab.kernels.long_convolution.fast import long_convolution_fft
from seqlab.kernels.taken import take

__all__ = ["long_convolution"]


def long_convolution(
    u: Float[Tensor, "b d l"], taps: Float[Tensor, "d k"], skip: Float[Tensor, " d"]
) -> Float[Tensor, "b d l"]:
    """Causal convolution of each channel with its own kernel, plus a skip: y = taps * u + skip . u, in u's dtype.

    The sequence lies last, where the transform wants it. l and k are free of each other; the gradient exists once.
    """
    take("long_convolution", "torch fft")
    return long_convolution_fft(u, taps, skip)
