"""Layer norm of each head by itself, as the xLSTM has it after its cells (arXiv 2405.04517)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqlab.kernels.head_norm import head_norm
from seqlab.spec import SpecError

__all__ = ["HeadNorm"]


class HeadNorm(nn.Module):
    """(..., H, E) -> (..., H E), in float32 or wider: (x - mean) / sqrt(variance + eps) over E, then a weight, 1 at the
    start, for every feature. The variance is that of the population. Raises SpecError for E = 1: all would be 0."""

    keeps_float32 = True

    def __init__(self, heads: int, features: int, eps: float) -> None:
        super().__init__()
        if features == heads:
            raise SpecError(f"{heads} heads of one feature are 0 behind their layer norm; choose fewer heads.")
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(features))

    def reset_parameters(self) -> None:
        nn.init.ones_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        return head_norm(x, self.weight.view(x.shape[-2:]), self.eps).flatten(-2)
