"""Batch norm (Ioffe and Szegedy, arXiv 1502.03167)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqlab.nn.norms import Norm
from seqlab.nn.rows import is_padding
from seqlab.spec import Field

__all__ = ["BatchNorm", "BatchStatisticsNorm"]


class BatchNorm(Norm):
    """(x - mean) / sqrt(variance + eps) . weight + bias, mean and variance of a feature over all real positions of
    the batch; in evaluation mode their running averages.

    In training mode rows see each other, and a position sees those after it: a causal model can cheat then, and
    evaluates worse than it trains.
    """

    eps: float = Field(default=1e-5, gt=0)
    """Added to the variance, which is divided by the number of positions."""
    momentum: float = Field(default=0.1, gt=0, le=1)
    """Share of the newest batch in the running averages (torch's convention), whose variance is divided by the number
    of positions less one."""
    weight: bool = True
    """Whether each feature has a trainable factor (1 at the start)."""
    bias: bool = True
    """Whether each feature has a trainable offset (0 at the start)."""

    def build(self, *, dim: int) -> BatchStatisticsNorm:
        return BatchStatisticsNorm(self, dim)


class BatchStatisticsNorm(nn.Module):
    """(..., D) -> (..., D) in the input's dtype; weight, bias and averages may be wider than the input.

    In training mode padding is neither counted nor normed: zeros stand in its place. One real position alone raises
    ValueError then, for it has no variance.
    """

    keeps_float32 = True
    gathers = True
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, spec: BatchNorm, dim: int) -> None:
        super().__init__()
        self.eps, self.momentum = spec.eps, spec.momentum
        self.weight = nn.Parameter(torch.empty(dim)) if spec.weight else None
        self.bias = nn.Parameter(torch.empty(dim)) if spec.bias else None
        self.register_buffer("running_mean", torch.empty(dim))
        self.register_buffer("running_var", torch.empty(dim))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1, bias 0; running mean 0, running variance 1."""
        for ones in (self.weight, self.running_var):
            if ones is not None:
                nn.init.ones_(ones)
        for zeros in (self.bias, self.running_mean):
            if zeros is not None:
                nn.init.zeros_(zeros)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        wide = x.to(self.running_mean.dtype)
        if lengths is None or not self.training:
            return self._norm(wide.reshape(-1, x.shape[-1])).view(x.shape).to(x.dtype)
        real = ~is_padding(x, lengths)
        return torch.zeros_like(wide).masked_scatter(real, self._norm(wide[real[..., 0]])).to(x.dtype)

    def _norm(self, x: Tensor) -> Tensor:
        """(N, D), all of them real."""
        if self.training and len(x) == 1:
            raise ValueError("a batch norm in training needs more than one real position in the batch, and got one.")
        running = self.running_mean, self.running_var
        if not self.gathers:
            running = running[0].clone(), running[1].clone()  # a repeated pass must save as many tensors as the first
        return F.batch_norm(x, *running, self.weight, self.bias, self.training, self.momentum, self.eps)
