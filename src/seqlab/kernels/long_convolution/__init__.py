"""Causal convolution with kernels as long as the sequence."""

from seqlab.kernels.long_convolution.dispatch import long_convolution

__all__ = ["long_convolution"]
