"""L2 Init: the squared distance from the initial weights (Kumar, Marklund and Van Roy, arXiv 2308.11958)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from seqlab.regularisers import Regulariser

__all__ = ["L2Init"]


class L2Init(Regulariser):
    """strength * sum of (w - w_0)^2, with or without a half, over every element that `where` selects."""

    half: bool = False
    """With the half the gradient is strength * (w - w_0), as in the authors' code, which also leaves out norms
    (`except_where`); without it 2 * strength * (w - w_0), as in CL-transformers, over all parameters."""
    towards: Literal["initial", "fresh"] = "initial"
    """What weights are drawn to: those of step 0, or a new draw of the initialisation at every step."""

    def compares_with(self) -> Literal["initial", "fresh"]:
        return self.towards

    def penalty(self, parameters: Mapping[str, Tensor], reference: Mapping[str, Tensor]) -> Tensor:
        differences = [(parameters[path] - reference[path]).flatten() for path in self.chosen(parameters)]
        squares = torch.stack([torch.dot(difference, difference) for difference in differences]).sum()
        return squares * (self.strength / 2 if self.half else self.strength)
