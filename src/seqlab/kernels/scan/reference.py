"""The diagonal linear recurrence by its definition: one position after the other."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from seqlab.kernels.scan.parts import numbers, parts

__all__ = ["scan_reference"]


def scan_reference(
    u: Float[Tensor, "b l p d"], decay: Float[Tensor, "*bl q d"], initial: Float[Tensor, "b q d"] | None = None
) -> Float[Tensor, "b l q d"]:
    """s_l = z_l s_{l-1} + u_l, where s_{-1} is `initial` or zero; a decay (q, d) is that of every position."""
    inputs, z = numbers(u), numbers(decay).expand(*u.shape[:2], -1)
    state = torch.zeros_like(z[:, 0]) if initial is None else numbers(initial)
    states = []
    for input_l, z_l in zip(inputs.unbind(1), z.unbind(1), strict=True):
        state = z_l * state + input_l
        states.append(state)
    return parts(torch.stack(states, dim=1))
