"""L2: the squared norm of the weights."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from seqlab.regularisers import Regulariser

__all__ = ["L2"]


class L2(Regulariser):
    """strength * sum of w^2, with or without a half, over every element that `where` selects."""

    half: bool = False
    """With the half the gradient is strength * w, as of torch's weight_decay and in L2_Init (arXiv 2308.11958);
    without it 2 * strength * w, as in CL-transformers. Equal strengths differ by 2 between the two."""

    def penalty(self, parameters: Mapping[str, Tensor], reference: Mapping[str, Tensor]) -> Tensor:
        flat = [parameters[path].flatten() for path in self.chosen(parameters)]
        squares = torch.stack([torch.dot(weights, weights) for weights in flat]).sum()
        return squares * (self.strength / 2 if self.half else self.strength)
