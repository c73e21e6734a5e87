"""LeCun's law: variance 1 / fan_in (LeCun et al. 1998)."""

from __future__ import annotations

import math

from seqlab.nn.inits import Init
from seqlab.spec import Field

__all__ = ["LeCun"]


class LeCun(Init):
    """Normal with variance 1 / fan_in, times a scale."""

    scale: float = Field(default=1.0, ge=0)
    """Factor on the standard deviation."""

    def std(self, fan_in: int, fan_out: int) -> float:
        return self.scale * math.sqrt(1 / fan_in)
