"""ComputeGate: a feed-forward layer whose computed features pass a gate (randomekek/sequence, May 2024)."""

from __future__ import annotations

from seqlab.channels import Channel
from seqlab.channels.shared.gated import GatedFeedForward
from seqlab.nn.activations import Activation
from seqlab.spec import Field

__all__ = ["ComputeGate"]


class ComputeGate(Channel):
    """(sigmoid(x G) . (x C)) Down with G and C of the same expansion: half as many parameters again as the plain
    layer. Drawn by torch's default for linears: uniform within 1/sqrt(fan_in).
    """

    activation: Activation = "sigmoid"
    """Of the gate."""
    expansion: float = Field(default=4.0, gt=0)
    """Hidden width in units of D."""
    bias: bool = False
    """Whether the linears have biases."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of outputs dropped in training."""

    def build(self, *, dim: int) -> GatedFeedForward:
        hidden = max(round(self.expansion * dim), 1)
        return GatedFeedForward(dim, hidden, self.activation, bias=self.bias, dropout=self.dropout)
