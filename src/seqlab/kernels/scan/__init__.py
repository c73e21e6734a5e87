"""The diagonal linear recurrence s_l = z_l s_{l-1} + u_l, real or complex (DLN, LRU, S6 and their kin)."""

from seqlab.kernels.scan.dispatch import scan

__all__ = ["scan"]

WIDE_ONLY = True
"""A state passes through every position: float32 is the least that it is kept in."""
