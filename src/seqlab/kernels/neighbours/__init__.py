"""How many sequences are like each one."""

from seqlab.kernels.neighbours.dispatch import neighbours

__all__ = ["neighbours"]
