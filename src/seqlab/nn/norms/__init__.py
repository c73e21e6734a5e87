"""Norms over the features of one position, one a file."""

from __future__ import annotations

from abc import abstractmethod

from torch import nn

from seqlab.spec import Part

__all__ = ["Norm"]


class Norm(Part, kind="nn/norms"):
    """A norm over the last axis alone: no position and no row sees another."""

    @abstractmethod
    def build(self, *, dim: int) -> nn.Module:
        """A module (..., D) -> (..., D) that computes in float32 or wider and returns the input's dtype."""
