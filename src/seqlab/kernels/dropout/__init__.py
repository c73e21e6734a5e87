"""Dropout whose draws are a function of a seed."""

from seqlab.kernels.dropout.dispatch import dropout

__all__ = ["dropout"]
