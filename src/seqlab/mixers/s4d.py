"""A diagonal state space model each feature (Gu et al., arXiv 2206.11893)."""

from __future__ import annotations

from typing import ClassVar

from seqlab.filters.s4d import S4DKernel
from seqlab.mixers import Mixer
from seqlab.mixers.shared.state_space import StateSpaceLayer
from seqlab.spec import Field

__all__ = ["S4D"]


class S4D(Mixer):
    """y = W GELU(K * u + D . u) + b, K the kernel of a diagonal state space model; inputs of any length.

    Over a sequence it is a long convolution, token by token a recurrence with a complex state. The kernel is drawn
    as filters/s4d states, D by N(0, 1), the linear by torch's default, uniform within 1/sqrt(fan_in), bias too.
    """

    source: ClassVar[str] = "Gu et al., arXiv 2206.11893"
    complexity: ClassVar[str] = "L log L"

    kernel: S4DKernel = S4DKernel()
    """The state space model: its states, its discretisation, its start."""
    glu: bool = False
    """Whether the linear has twice the outputs and a gated linear unit halves them (arXiv 2206.11893: yes)."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of activations dropped in training, before the linear."""

    def build(self, *, dim: int, length: int) -> StateSpaceLayer:
        return StateSpaceLayer(self.kernel.build(channels=dim, length=length), dim, glu=self.glu, dropout=self.dropout)
