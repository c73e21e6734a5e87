"""Normal(0, std), the same for every shape (GPT-2: 0.02)."""

from __future__ import annotations

from seqlab.nn.inits import Init
from seqlab.spec import Field

__all__ = ["Normal"]


class Normal(Init):
    """Normal with one standard deviation for every matrix."""

    scale: float = Field(default=0.02, ge=0)
    """The standard deviation."""

    def std(self, fan_in: int, fan_out: int) -> float:
        return self.scale
