"""A short causal convolution of each feature, as a module that also goes token by token."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from seqlab.kernels.short_convolution import short_convolution
from seqlab.nn.rows import each_document, latest

__all__ = ["CausalConvolution"]


class CausalConvolution(nn.Module):
    """(B, L, D) -> (B, L, D): y_t = bias + sum_j weight_j x_{t-(K-1)+j}, with nothing before a document's begin.

    Drawn by torch's default, uniform within 1/sqrt(K). Memory: the last K - 1 inputs, (B, K - 1, D), zero where there
    were none.
    """

    def __init__(self, features: int, taps: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(features, taps))
        self.bias = nn.Parameter(torch.empty(features))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        bound = 1 / math.sqrt(self.weight.shape[1])
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, x: Tensor, starts: Tensor | None = None) -> Tensor:
        return each_document(lambda rows: short_convolution(rows.contiguous(), self.weight, self.bias), x, starts)

    def init_memory(self, batch: int) -> Tensor:
        features, taps = self.weight.shape
        return self.weight.new_zeros(batch, taps - 1, features)

    def memory_after(self, x: Tensor, last: Tensor, seen: Tensor) -> Tensor:
        """last (B,): where each row's last real position is; seen (B,): how many its last document has."""
        return latest(x, last, seen, self.weight.shape[1] - 1)

    def step(self, x_t: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """(B, D) and the memory -> (B, D) and the new memory."""
        seen = torch.cat([memory, x_t[:, None]], dim=1)
        return (seen * self.weight.T).sum(1) + self.bias, seen[:, 1:]

    def extend(self, x: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """(B, L, D), behind what the memory holds, -> (B, L, D) and the new memory."""
        taps = self.weight.shape[1]
        seen = torch.cat([memory, x], dim=1)
        return self(seen)[:, taps - 1 :], seen[:, seen.shape[1] - taps + 1 :]
