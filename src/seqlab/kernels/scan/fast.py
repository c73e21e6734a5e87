"""The recurrence in chunks: about sqrt(l) chunks advance side by side, then each receives the state before it.

A state never is divided by a product of decays, so that decays of zero and products too small for their dtype are
exact. The gradient is the same recurrence from the end to the beginning, and needs the states alone.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Float, Inexact
from torch import Tensor

from seqlab.kernels.once import once_differentiable
from seqlab.kernels.scan.parts import numbers, parts

__all__ = ["scan_chunks"]


def scan_chunks(
    u: Float[Tensor, "b l p d"], decay: Float[Tensor, "*bl q d"], initial: Float[Tensor, "b q d"] | None = None
) -> Float[Tensor, "b l q d"]:
    """The reference's function, in float32 or wider."""
    states: Tensor = _Scan.apply(u, decay, decay.new_zeros(len(u), *decay.shape[-2:]) if initial is None else initial)
    return states


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(u: Tensor, decay: Tensor, initial: Tensor) -> Tensor:
        return parts(_states(numbers(u), numbers(decay), numbers(initial)))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        u, decay, initial = inputs
        ctx.save_for_backward(decay, initial, output)
        ctx.input_parts = u.shape[2]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        decay, initial, states = ctx.saved_tensors
        z, first = numbers(decay).conj(), numbers(initial)
        grad_u = _states(numbers(grad).flip(1), _following(z), torch.zeros_like(first)).flip(1)
        before = torch.cat([first[:, None], numbers(states)[:, :-1]], dim=1)
        grad_decay = grad_u * before.conj()
        if z.ndim == 1:
            grad_decay, grad_initial = grad_decay.sum((0, 1)), z * grad_u[:, 0]
        else:
            grad_initial = z[:, 0] * grad_u[:, 0]
        return parts(grad_u)[:, :, : ctx.input_parts], parts(grad_decay), parts(grad_initial)


def _following(z: Inexact[Tensor, "*bl d"]) -> Inexact[Tensor, "*bl d"]:
    """The decays that carry a gradient from each position to the one before, the last position first."""
    return z if z.ndim == 1 else z.roll(-1, 1).flip(1)


def _states(
    u: Inexact[Tensor, "b l d"], z: Inexact[Tensor, "*bl d"], initial: Inexact[Tensor, "b d"]
) -> Inexact[Tensor, "b l d"]:
    length = u.shape[1]
    steps = math.isqrt(length - 1) + 1
    u_steps = _chunks(u.to(initial.dtype), steps)
    z_steps = [z] * steps if z.ndim == 1 else _chunks(z, steps)
    own, faded = [u_steps[0]], [z_steps[0]]
    for u_step, z_step in zip(u_steps[1:], z_steps[1:], strict=True):
        own.append(torch.addcmul(u_step, z_step, own[-1]))
        faded.append(z_step * faded[-1])
    before = [initial]
    for end, fade in zip(own[-1].unbind(1)[:-1], faded[-1].expand_as(own[-1]).unbind(1)[:-1], strict=True):
        before.append(torch.addcmul(end, fade, before[-1]))
    carried = torch.stack(before, dim=1)
    states = [torch.addcmul(mine, fade, carried) for mine, fade in zip(own, faded, strict=True)]
    return torch.stack(states, dim=2).flatten(1, 2)[:, :length]


def _chunks(x: Inexact[Tensor, "b l d"], steps: int) -> list[Inexact[Tensor, "b c d"]]:
    """For each step inside a chunk, the positions of all chunks at that step; the last chunk is filled with zeros."""
    padding = -x.shape[1] % steps
    padded = torch.cat([x, x.new_zeros(len(x), padding, x.shape[2])], dim=1) if padding else x
    return list(padded.unflatten(1, (-1, steps)).unbind(2))
