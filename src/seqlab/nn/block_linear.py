"""A linear whose matrix is block-diagonal: groups of features that do not see each other."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqlab.spec import SpecError

__all__ = ["BlockLinear"]


class BlockLinear(nn.Module):
    """(..., D) -> (..., D) in `blocks` groups of neighbouring features, without a bias.

    weight: (blocks, out, in), drawn by N(0, std^2). Raises SpecError where the blocks do not divide the features.
    """

    def __init__(self, features: int, blocks: int, std: float) -> None:
        super().__init__()
        if features % blocks:
            raise SpecError(f"{blocks} blocks do not divide {features} features; choose a divisor of {features}.")
        self.std = std
        self.weight = nn.Parameter(torch.empty(blocks, features // blocks, features // blocks))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.normal_(self.weight, 0.0, self.std)

    def forward(self, x: Tensor) -> Tensor:
        blocks, _, width = self.weight.shape
        by_block = x.reshape(-1, blocks, width).transpose(0, 1)
        return torch.bmm(by_block, self.weight.mT).transpose(0, 1).reshape(x.shape)
