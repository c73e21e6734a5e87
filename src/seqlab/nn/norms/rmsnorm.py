"""RMS norm (Zhang and Sennrich, arXiv 1910.07467)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqlab.kernels.rms_norm import rms_norm
from seqlab.nn.norms import Norm
from seqlab.spec import Field

__all__ = ["RMSNorm", "RootMeanSquareNorm"]


class RMSNorm(Norm):
    """x / sqrt(mean(x^2) + eps) . weight."""

    eps: float = Field(default=1e-6, gt=0)
    """Added to the mean square."""
    weight: bool = True
    """Whether each feature has a trainable factor (1 at the start)."""

    def build(self, *, dim: int) -> RootMeanSquareNorm:
        return RootMeanSquareNorm(self, dim)


class RootMeanSquareNorm(nn.Module):
    """(..., D) -> (..., D) in the input's dtype; the weight may be wider than the input."""

    keeps_float32 = True

    def __init__(self, spec: RMSNorm, dim: int) -> None:
        super().__init__()
        self.eps = spec.eps
        self.weight = nn.Parameter(torch.empty(dim)) if spec.weight else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1."""
        if self.weight is not None:
            nn.init.ones_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        return rms_norm(x, self.weight, self.eps)
