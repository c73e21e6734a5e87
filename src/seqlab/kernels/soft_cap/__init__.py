"""Numbers kept within a bound."""

from seqlab.kernels.soft_cap.dispatch import soft_cap

__all__ = ["soft_cap"]
