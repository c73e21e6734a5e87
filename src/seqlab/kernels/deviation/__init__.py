"""How far numbers lie from a centre."""

from seqlab.kernels.deviation.dispatch import deviation

__all__ = ["deviation"]
