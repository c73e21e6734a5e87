"""Hyena's recurrence part by part: one short convolution of all slots, then products and long convolutions."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from seqlab.kernels.long_convolution import long_convolution
from seqlab.kernels.short_convolution import short_convolution

__all__ = ["gated_convolutions_parts"]


def gated_convolutions_parts(
    projected: Float[Tensor, "b l s d"],
    short_weight: Float[Tensor, "s d j"],
    short_bias: Float[Tensor, "s d"],
    taps: Float[Tensor, "s-2 d k"],
    skip: Float[Tensor, "s-2 d"],
    taps_back: Float[Tensor, "s-2 d k"] | None = None,
    dropout: float = 0.0,
) -> Float[Tensor, "b l d"]:
    """The reference's function, with dropout on what enters a long convolution; all of it in float32 or wider."""
    wide = projected.to(torch.promote_types(projected.dtype, torch.float32))
    slots = short_convolution(wide.flatten(2), short_weight.flatten(0, 1), short_bias.flatten())
    *gates, v = slots.unflatten(2, short_bias.shape).unbind(2)
    for o, gate in enumerate(reversed(gates[1:])):
        back = None if taps_back is None else taps_back[o]
        v = long_convolution(F.dropout(v * gate, dropout), taps[o], skip[o], back)
    y: Tensor = (gates[0] * v).to(projected.dtype)
    return y
