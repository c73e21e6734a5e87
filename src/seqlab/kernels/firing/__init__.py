"""How often numbers are above zero."""

from seqlab.kernels.firing.dispatch import firing

__all__ = ["firing"]
