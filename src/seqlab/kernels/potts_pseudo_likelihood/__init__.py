"""The negative log pseudo-likelihood of an alignment under a Potts model of any couplings."""

from seqlab.kernels.potts_pseudo_likelihood.dispatch import potts_pseudo_likelihood

__all__ = ["potts_pseudo_likelihood"]

WIDE_ONLY = True
