"""The law of the xLSTM's linears: small for the width of the model (Nguyen and Salazar, arXiv 1910.05895)."""

from __future__ import annotations

import math

from torch import nn

__all__ = ["draw_small", "small_std"]


def small_std(dim: int) -> float:
    """sqrt(2 / (5 D)) for a model of D features, whatever a linear's own shape is."""
    return math.sqrt(2 / (5 * dim))


def draw_small(linear: nn.Linear, dim: int) -> None:
    """Draw the weight by N(0, small_std(D)^2); the bias, where there is one, is 0."""
    nn.init.normal_(linear.weight, 0.0, small_std(dim))
    if linear.bias is not None:
        nn.init.zeros_(linear.bias)
