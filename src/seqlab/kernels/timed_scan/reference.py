"""The recurrence with a learned clock by its definition: one position after the other."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

__all__ = ["timed_scan_reference"]


def timed_scan_reference(
    time: Float[Tensor, "b l d"],
    data: Float[Tensor, "b l d"],
    size: Float[Tensor, " d"],
    theta: Float[Tensor, " d"],
    initial: Float[Tensor, "b 2 d"] | None = None,
    starts: Bool[Tensor, "b l"] | None = None,
    bias: float = 0.0,
) -> tuple[Float[Tensor, "b l d"], Float[Tensor, "b 2 d"]]:
    """With t = sigmoid(time + bias) and z = size e^{i theta}: s_l = z^t s_{l-1} + t data, from s_{-1} = `initial` or
    zero, and from zero where a document starts. Returns the real parts in data's dtype, and the last state as real and
    imaginary part in float32 or wider."""
    wide = torch.promote_types(data.dtype, torch.float32)
    passed, rate = torch.sigmoid(time.to(wide) + bias), torch.complex(size.to(wide).log(), theta.to(wide))
    state = torch.zeros_like(passed[:, 0] * rate) if initial is None else torch.complex(*initial.to(wide).unbind(1))
    outputs = []
    for position, (t, x) in enumerate(zip(passed.unbind(1), data.to(wide).unbind(1), strict=True)):
        before = state if starts is None else torch.where(starts[:, position, None], 0, state)
        state = torch.exp(t * rate) * before + t * x
        outputs.append(state.real)
    return torch.stack(outputs, dim=1).to(data.dtype), torch.stack([state.real, state.imag], dim=1)
