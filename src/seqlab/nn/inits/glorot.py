"""Glorot's law: variance 2 / (fan_in + fan_out) (Glorot and Bengio 2010)."""

from __future__ import annotations

import math

from seqlab.nn.inits import Init
from seqlab.spec import Field

__all__ = ["Glorot"]


class Glorot(Init):
    """Normal with variance 2 / (fan_in + fan_out), times a scale."""

    scale: float = Field(default=1.0, ge=0)
    """Factor on the standard deviation."""

    def std(self, fan_in: int, fan_out: int) -> float:
        return self.scale * math.sqrt(2 / (fan_in + fan_out))
