"""Gated linear units: a feed-forward layer with gates (Dauphin et al., arXiv 1612.08083; Shazeer, arXiv 2002.05202)."""

from __future__ import annotations

from seqlab.channels import Channel
from seqlab.channels.shared.gated import GatedFeedForward, rounded_up
from seqlab.nn.activations import Activation
from seqlab.spec import Field

__all__ = ["GLU"]


class GLU(Channel):
    """down(activation(gate(x)) . up(x)). Drawn by torch's default for linears: uniform within 1/sqrt(fan_in)."""

    activation: Activation = "sigmoid"
    """Of the gate: sigmoid is GLU, gelu GEGLU, relu ReGLU, silu SwiGLU, identity the bilinear layer."""
    expansion: float = Field(default=8 / 3, gt=0)
    """Hidden width in units of D; 8/3 gives the parameters of a plain layer with expansion 4."""
    multiple: int = Field(default=64, ge=1)
    """The hidden width is rounded up to a multiple of this; less than one feature beyond a multiple is dropped."""
    bias: bool = False
    """Whether the linears have biases."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of outputs dropped in training."""

    def build(self, *, dim: int) -> GatedFeedForward:
        return GatedFeedForward(dim, self.hidden(dim), self.activation, bias=self.bias, dropout=self.dropout)

    def hidden(self, dim: int) -> int:
        """The hidden width for D = dim features."""
        return rounded_up(dim * self.expansion, self.multiple)
