"""Normalisation by mean and variance."""

from seqlab.kernels.layer_norm.dispatch import layer_norm

__all__ = ["layer_norm"]
