"""He's law: variance 2 / fan_in (He et al., arXiv 1502.01852)."""

from __future__ import annotations

import math

from seqlab.nn.inits import Init
from seqlab.spec import Field

__all__ = ["He"]


class He(Init):
    """Normal with variance 2 / fan_in, times a scale."""

    scale: float = Field(default=1.0, ge=0)
    """Factor on the standard deviation."""

    def std(self, fan_in: int, fan_out: int) -> float:
        return self.scale * math.sqrt(2 / fan_in)
