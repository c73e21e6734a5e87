"""When hidden units fire: the positions at which their pre-activations are above zero."""

from __future__ import annotations

import torch
from torch import Tensor

from seqlab.nn.units import Units

__all__ = ["deciding", "positive"]


def deciding(before: Tensor, units: Units) -> Tensor:
    """(N, H): of pre-activations (B, ..., P H) those that decide whether a unit fires, at each position; of gated ones
    the gate's."""
    flat = before.flatten(0, -2)
    return flat if units.parts == 1 else flat[:, : flat.shape[1] // units.parts]


def positive(values: Tensor) -> Tensor:
    """(H,): how many of the values (N, H) of each unit are above 0; float64, exact up to N = 2^24."""
    return values.relu().sign().sum(0, dtype=torch.float32).double()  # four times as fast as counting booleans
