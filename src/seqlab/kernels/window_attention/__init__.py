"""Softmax attention to the last few positions."""

from seqlab.kernels.window_attention.dispatch import window_attention

__all__ = ["window_attention"]
