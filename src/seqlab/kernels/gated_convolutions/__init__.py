"""Hyena's recurrence: short convolutions, then gates and long convolutions in turn."""

from seqlab.kernels.gated_convolutions.dispatch import gated_convolutions

__all__ = ["gated_convolutions"]
