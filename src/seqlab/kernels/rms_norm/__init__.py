"""Normalisation by the root mean square."""

from seqlab.kernels.rms_norm.dispatch import rms_norm

__all__ = ["rms_norm"]
