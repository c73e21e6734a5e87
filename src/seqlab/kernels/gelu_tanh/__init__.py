"""The approximation of gelu by tanh."""

from seqlab.kernels.gelu_tanh.dispatch import gelu_tanh

__all__ = ["gelu_tanh"]
