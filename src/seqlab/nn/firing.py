"""When hidden units fire: the positions at which their pre-activations are above zero."""

from __future__ import annotations

from torch import Tensor

from seqlab.nn.units import Units

__all__ = ["deciding"]


def deciding(before: Tensor, units: Units) -> Tensor:
    """(N, H): of pre-activations (B, ..., P H) those that decide whether a unit fires, at each position; of gated ones
    the gate's."""
    flat = before.flatten(0, -2)
    return flat if units.parts == 1 else flat[:, : flat.shape[1] // units.parts]
