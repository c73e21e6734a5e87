"""SwiGLU: a feed-forward layer gated by silu (Shazeer, arXiv 2002.05202)."""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor, nn

from seqlab.channels import Channel, ChannelMixer
from seqlab.nn.inits import residual
from seqlab.spec import Field

__all__ = ["GatedFeedForward", "SwiGLU"]


class SwiGLU(Channel):
    """down(silu(gate(x)) . up(x)). Drawn by torch's default for linears: uniform within 1/sqrt(fan_in)."""

    expansion: float = Field(default=8 / 3, gt=0)
    """Hidden width in units of D; 8/3 gives the parameters of a plain layer with expansion 4."""
    multiple: int = Field(default=64, ge=1)
    """The hidden width is rounded up to a multiple of this."""
    bias: bool = False
    """Whether the linears have biases."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of outputs dropped in training."""

    def build(self, *, dim: int) -> GatedFeedForward:
        return GatedFeedForward(self, dim)


class GatedFeedForward(ChannelMixer):
    def __init__(self, spec: SwiGLU, dim: int) -> None:
        super().__init__()
        hidden = math.ceil(spec.expansion * dim / spec.multiple) * spec.multiple
        self.dropout = spec.dropout
        self.gate_and_up = nn.Linear(dim, 2 * hidden, bias=spec.bias)
        self.down = residual(nn.Linear(hidden, dim, bias=spec.bias))

    def reset_parameters(self) -> None:
        self.gate_and_up.reset_parameters()
        self.down.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        gate, up = self.gate_and_up(x).chunk(2, dim=-1)
        return F.dropout(self.down(F.silu(gate) * up), self.dropout, self.training)

    def flops(self) -> float:
        return 6.0 * self.down.in_features * self.down.out_features
