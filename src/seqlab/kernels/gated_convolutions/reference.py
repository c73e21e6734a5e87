"""Hyena's recurrence by its definition, from the references of its convolutions."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from seqlab.kernels.long_convolution.reference import long_convolution_reference
from seqlab.kernels.short_convolution.reference import short_convolution_reference

__all__ = ["gated_convolutions_reference"]


def gated_convolutions_reference(
    projected: Float[Tensor, "b l s d"],
    short_weight: Float[Tensor, "s d j"],
    short_bias: Float[Tensor, "s d"],
    taps: Float[Tensor, "s-2 d k"],
    skip: Float[Tensor, "s-2 d"],
    taps_back: Float[Tensor, "s-2 d k"] | None = None,
) -> Float[Tensor, "b l d"]:
    """x_0 . v, where v <- h_o * (x_{s-2-o} . v) + D_o . (x_{s-2-o} . v) for o = 0 .. s-3.

    The slots of `projected`, each after its short convolution, are x_0 .. x_{s-2} and v.
    """
    slots = short_convolution_reference(projected.flatten(2), short_weight.flatten(0, 1), short_bias.flatten())
    *gates, v = slots.unflatten(2, short_bias.shape).unbind(2)
    for o, gate in enumerate(reversed(gates[1:])):
        v = long_convolution_reference(v * gate, taps[o], skip[o], None if taps_back is None else taps_back[o])
    y: Tensor = gates[0] * v
    return y
