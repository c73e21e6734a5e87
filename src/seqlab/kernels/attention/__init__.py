"""Softmax attention."""

from seqlab.kernels.attention.dispatch import attention

__all__ = ["attention"]
