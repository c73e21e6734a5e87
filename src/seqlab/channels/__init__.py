"""Channel mixers: what mixes along the features, one a file."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor, nn

from seqlab.nn.gate import Gate
from seqlab.spec import Part

__all__ = ["Channel", "ChannelMixer"]


class Channel(Part, kind="channels"):
    """A channel mixer's spec."""

    @abstractmethod
    def build(self, *, dim: int) -> ChannelMixer:
        """A module for D = dim features."""


class ChannelMixer(nn.Module):
    """The module of a channel mixer: a map of each position's features that sees no other position."""

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) -> (..., D), in the input's dtype."""
        raise NotImplementedError

    def gating(self, x: Tensor) -> dict[str, Gate]:
        """For who looks inside: what features are multiplied by while x (..., D) is read, by a name ("" for the only
        one); {} where there is no gate."""
        return {}

    def flops(self) -> float:
        """Floating-point operations of one position's forward pass; a multiply-add counts as 2."""
        raise NotImplementedError
