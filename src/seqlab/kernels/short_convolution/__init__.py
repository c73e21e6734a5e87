"""Depthwise causal convolution with a few taps."""

from seqlab.kernels.short_convolution.dispatch import short_convolution

__all__ = ["short_convolution"]
