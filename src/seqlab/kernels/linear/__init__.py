"""A linear map of the last axis."""

from seqlab.kernels.linear.dispatch import linear

__all__ = ["linear"]
