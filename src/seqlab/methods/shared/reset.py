"""A reset of chosen units: the one place that says which tensors it touches.

incoming rows <- a fresh draw; bias <- 0; outgoing columns <- 0; moments of exactly these elements <- 0; where it is
asked for, the entries of a norm behind the units <- 1 and 0, and the optimiser's count of steps of these tensors <- 0.
The next layer's bias is not touched, and nothing makes up for what the units contributed.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from seqlab.methods import Moments
from seqlab.nn.units import Units

__all__ = ["by_incoming", "by_outgoing", "reset_moments", "reset_weights"]


def by_incoming(weights: Mapping[str, Tensor], units: Units) -> Tensor:
    """(H, K): the weights that make each unit, biases excluded."""
    return units.by_unit(weights[units.incoming], units.incoming, units.width(weights))


def by_outgoing(weights: Mapping[str, Tensor], units: Units) -> Tensor:
    """(H, K): the weights that read each unit."""
    return units.by_unit(weights[units.outgoing], units.outgoing, units.width(weights))


def masks(weights: Mapping[str, Tensor], units: Units, chosen: Tensor, norms: bool) -> dict[str, Tensor]:
    """Which elements of which tensors belong to the chosen units (H,): masks that broadcast, by path."""
    paths = [units.incoming, units.outgoing, units.bias, *([units.norm_weight, units.norm_bias] if norms else [])]
    return {path: units.elements(chosen, path, weights[path]) for path in paths if path is not None}


def reset_weights(
    weights: Mapping[str, Tensor],
    units: Units,
    chosen: Tensor,
    fresh: Mapping[str, Tensor],
    *,
    norms: bool = False,
    outgoing: bool = False,
) -> dict[str, Tensor]:
    """The layer's tensors after a reset of the chosen units (H,), bool.

    fresh: a new initialisation, of which the incoming rows are taken; outgoing: take the outgoing columns from it too,
    in place of 0; norms: whether entries of a norm become 1 and 0."""
    new = {}
    for path, mask in masks(weights, units, chosen, norms).items():
        old = weights[path]
        if path == units.incoming or (outgoing and path == units.outgoing):
            new[path] = torch.where(mask, fresh[path], old)
        else:
            new[path] = torch.where(mask, float(path == units.norm_weight), old)
    return new


def reset_moments(
    weights: Mapping[str, Tensor],
    moments: Moments,
    units: Units,
    chosen: Tensor,
    *,
    norms: bool = False,
    step: bool = False,
) -> dict[str, dict[str, Tensor]]:
    """The optimiser's state of the layer's tensors with zeros at the elements that were reset.

    That is all of it that has the shape of its tensor, so a count of steps that is kept for each element too. step:
    whether the count of a whole tensor becomes 0, though most of its elements were not reset (timoklein/redo)."""
    new: dict[str, dict[str, Tensor]] = {}
    for path, mask in masks(weights, units, chosen, norms).items():
        for key, value in moments.get(path, {}).items():
            if value.shape == weights[path].shape:
                new.setdefault(path, {})[key] = torch.where(mask, 0.0, value)
            elif step and key == "step":
                new.setdefault(path, {})[key] = torch.where(chosen.any(), 0.0, value)
    return new
