"""The squared norm of the couplings of a Potts model of low rank."""

from seqlab.kernels.potts_penalty.dispatch import potts_penalty

__all__ = ["potts_penalty"]

WIDE_ONLY = True
