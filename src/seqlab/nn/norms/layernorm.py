"""Layer norm (Ba, Kiros and Hinton, arXiv 1607.06450)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqlab.kernels.layer_norm import layer_norm
from seqlab.nn.norms import Norm
from seqlab.spec import Field

__all__ = ["FeatureNorm", "LayerNorm"]


class LayerNorm(Norm):
    """(x - mean) / sqrt(variance + eps) . weight + bias; the variance is divided by D, not D - 1."""

    eps: float = Field(default=1e-5, gt=0)
    """Added to the variance."""
    weight: bool = True
    """Whether each feature has a trainable factor (1 at the start)."""
    bias: bool = True
    """Whether each feature has a trainable offset (0 at the start)."""

    def build(self, *, dim: int) -> FeatureNorm:
        return FeatureNorm(self, dim)


class FeatureNorm(nn.Module):
    """(..., D) -> (..., D) in the input's dtype; weight and bias may be wider than the input."""

    keeps_float32 = True

    def __init__(self, spec: LayerNorm, dim: int) -> None:
        super().__init__()
        self.dim, self.eps = dim, spec.eps
        self.weight = nn.Parameter(torch.empty(dim)) if spec.weight else None
        self.bias = nn.Parameter(torch.empty(dim)) if spec.bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1, bias 0."""
        if self.weight is not None:
            nn.init.ones_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        parameters = [p for p in (self.weight, self.bias) if p is not None]
        if not parameters:
            return layer_norm(x, self.eps)
        # torch's CPU kernel takes a bf16 input beside a float32 weight; elsewhere all must be of one dtype.
        if all(p.dtype == x.dtype for p in parameters) or (x.is_cpu and self.weight is not None):
            return F.layer_norm(x, (self.dim,), self.weight, self.bias, self.eps)
        wide = x.to(parameters[0].dtype)
        return F.layer_norm(wide, (self.dim,), self.weight, self.bias, self.eps).to(x.dtype)
