"""What hidden units hand on, in the mean over the positions of a batch."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqlab.kernels.deviation import deviation
from seqlab.nn.units import Units

__all__ = ["Activity"]


class Activity:
    """Of pre-activations (B, ..., P H): the activations of H units, all positions of all rows together."""

    def __init__(self, before: Tensor, units: Units) -> None:
        # What is below 0 counts as 0 inside the kernel, which spares a pass over the activations.
        rectifies = units.activation in (torch.relu, F.relu) or isinstance(units.activation, nn.ReLU)
        self._least = 0.0 if rectifies else -math.inf
        self._values = (before if rectifies else units.activation(before)).flatten(0, -2)

    def mean(self) -> Tensor:
        """(H,), in float32 or wider."""
        if self._least == 0:  # none is negative, so each is its own distance from 0
            return self.magnitude()
        return self._values.mean(0, dtype=torch.promote_types(self._values.dtype, torch.float32))

    def magnitude(self) -> Tensor:
        """(H,): the mean modulus, in float32 or wider."""
        return self.deviation(self._values.new_zeros(self._values.shape[1]))

    def deviation(self, centre: Tensor) -> Tensor:
        """(H,): the mean distance from a centre (H,), in float32 or wider."""
        return deviation(self._values, centre, self._least)
