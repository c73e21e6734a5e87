"""The scalar LSTM by its recurrence (xLSTM, arXiv 2405.04517)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

__all__ = ["slstm_reference"]

Memory = tuple[Float[Tensor, "b h d"], Float[Tensor, "b h d"], Float[Tensor, "b h d"], Float[Tensor, "b h d"]]
"""y, c, n and m."""


def slstm_reference(
    x: Float[Tensor, "b l h 4 d"],
    recurrence: Float[Tensor, "h 4 d d"],
    initial: Memory | None = None,
    starts: Bool[Tensor, "b l"] | None = None,
) -> tuple[Float[Tensor, "b l h d"], Float[Tensor, "b h d"], Float[Tensor, "b h d"], Float[Tensor, "b h d"]]:
    """y of every position and the last c, n and m; from zeros or `initial` (y, c, n, m), and from zeros at starts.

    i, f, z, o = x_t + recurrence y of each head; m' = max(i, log sigmoid(f) + m), c' = exp(log sigmoid(f) + m - m') c +
    exp(i - m') tanh(z), n' the same with 1 for tanh(z), y = sigmoid(o) c' / n'. A memory with n = 0 is empty and has
    no m: there m' = i, c' = tanh(z) and n' = 1, each unit by itself.
    """
    wide = torch.promote_types(x.dtype, torch.float32)
    inputs, recurrence = x.to(wide), recurrence.to(wide)
    y, c, n, m = (torch.zeros_like(inputs[:, 0, :, 0]) for _ in range(4)) if initial is None else initial
    outputs = []
    for t in range(x.shape[1]):
        if starts is not None:
            y, c, n, m = (entry.masked_fill(starts[:, t, None, None], 0) for entry in (y, c, n, m))
        i, f, z, o = (inputs[:, t] + torch.einsum("hgoi,bhi->bhgo", recurrence, y)).unbind(2)
        empty, old = n == 0, F.logsigmoid(f) + m
        m = torch.where(empty, i, torch.maximum(i, old))
        written, kept = (i - m).exp(), (old - m).exp().masked_fill(empty, 0)
        c = kept * c + written * z.tanh()
        n = kept * n + written
        y = o.sigmoid() * c / n
        outputs.append(y)
    return torch.stack(outputs, dim=1).to(x.dtype), c, n, m
