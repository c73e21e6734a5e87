"""Conditional logits of a Potts model of low rank."""

from seqlab.kernels.potts_logits.dispatch import potts_logits

__all__ = ["potts_logits"]

WIDE_ONLY = True
