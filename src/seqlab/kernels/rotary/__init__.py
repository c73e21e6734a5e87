"""Rotary position embedding."""

from seqlab.kernels.rotary.dispatch import rotary

__all__ = ["rotary"]
