"""What a fit that goes down an objective is told."""

from __future__ import annotations

from typing import Literal

import torch

from seqlab.couplings.fit import needed_bytes
from seqlab.couplings.fits import DirectFit
from seqlab.spec import Field

__all__ = ["Descending"]


class Descending(DirectFit):
    """A fit by L-BFGS (seqlab.couplings.fit)."""

    iterations: int = Field(default=500, ge=1)
    """Steps at most."""
    tolerance: float = Field(default=1e-6, gt=0)
    """The fit ends where less than this share of the objective is expected to be left to fall."""
    precision: Literal["float32", "float64"] = "float32"
    """Of the arithmetic; the objective of the result is told in float64."""

    @property
    def dtype(self) -> torch.dtype:
        """The precision, as torch has it."""
        dtype: torch.dtype = getattr(torch, self.precision)
        return dtype

    def needed_bytes(self, length: int, size: int) -> int:
        return needed_bytes(length, size, self.dtype)
