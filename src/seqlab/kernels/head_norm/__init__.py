"""Layer norm of each head by itself."""

from seqlab.kernels.head_norm.dispatch import head_norm

__all__ = ["head_norm"]
