"""A shift state space model each feature: a learned window over the last inputs (Fu et al., arXiv 2212.14052)."""

from __future__ import annotations

from typing import ClassVar

from seqlab.filters.shift import ShiftKernel
from seqlab.mixers import Mixer
from seqlab.mixers.shared.state_space import StateSpaceLayer
from seqlab.spec import Field

__all__ = ["Shift"]


class Shift(Mixer):
    """y = W GELU(K * u + D . u) + b, K_l = sum_n B_n C_{n+l} the kernel of a shift state space model; any length.

    H3 uses the shift model inside; here it is a layer alone, in S4D's form, so that the two can be compared. The
    state is the last N - 1 inputs. The kernel is drawn as filters/shift states, D by N(0, 1), the linear by torch's
    default, uniform within 1/sqrt(fan_in), bias too.
    """

    source: ClassVar[str] = "Fu et al., arXiv 2212.14052"
    complexity: ClassVar[str] = "L log L"

    kernel: ShiftKernel = ShiftKernel()
    """The state space model: its states, which are its taps."""
    glu: bool = False
    """Whether the linear has twice the outputs and a gated linear unit halves them."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of activations dropped in training, before the linear."""

    def build(self, *, dim: int, length: int) -> StateSpaceLayer:
        return StateSpaceLayer(self.kernel.build(channels=dim, length=length), dim, glu=self.glu, dropout=self.dropout)
