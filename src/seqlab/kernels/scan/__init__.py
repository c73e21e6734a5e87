"""The diagonal linear recurrence s_l = z_l s_{l-1} + u_l, real or complex (DLN, LRU, S6 and their kin)."""

from seqlab.kernels.scan.dispatch import scan

__all__ = ["scan"]
