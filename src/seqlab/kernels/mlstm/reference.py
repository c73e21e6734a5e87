"""The matrix LSTM by its recurrence (xLSTM, arXiv 2405.04517; the sigmoid input gate: TFLA, arXiv 2503.14376)."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

__all__ = ["mlstm_reference"]


def mlstm_reference(
    q: Float[Tensor, "b l h d"],
    k: Float[Tensor, "b l h d"],
    v: Float[Tensor, "b l h e"],
    input_gate: Float[Tensor, "b l h"],
    forget_gate: Float[Tensor, "b l h"],
    initial: tuple[Float[Tensor, "b h d e"], Float[Tensor, "b h d"], Float[Tensor, "b h"]] | None = None,
    starts: Bool[Tensor, "b l"] | None = None,
    *,
    gate: Literal["exponential", "sigmoid"] = "exponential",
    normalised: bool = True,
    eps: float = 1e-6,
) -> tuple[Float[Tensor, "b l h e"], Float[Tensor, "b h d e"], Float[Tensor, "b h d"], Float[Tensor, "b h"]]:
    """h_t and the last memory C, normaliser n and stabiliser m, from zeros or `initial` and again from zeros at starts.

    With the gates' pre-activations i, f and q scaled by 1/sqrt(d):
    m' = max(log sigmoid(f) + m, i), C' = exp(log sigmoid(f) + m - m') C + exp(i - m') k v', n' the same with 1 for v,
    h = C'^T q / (max(|n' q|, exp(-m')) + eps).
    A sigmoid gate has sigmoid(i) for exp(i), no stabiliser (m is 0) and h = C'^T q / max(|n' q|, 1); not
    normalised: h = C'^T q.
    """
    q, k, v, i, f = (x.to(torch.promote_types(q.dtype, torch.float32)) for x in (q, k, v, input_gate, forget_gate))
    batch, length, heads, width = q.shape
    zeros = (v.new_zeros(batch, heads, width, v.shape[-1]), v.new_zeros(batch, heads, width), v.new_zeros(batch, heads))
    c, n, m = zeros if initial is None else initial
    outputs = []
    for t in range(length):
        if starts is not None:
            begins = starts[:, t, None, None, None]
            c, n, m = c.masked_fill(begins, 0), n.masked_fill(begins[..., 0], 0), m.masked_fill(begins[..., 0, 0], 0)
        kept, written = F.logsigmoid(f[:, t]), i[:, t]
        if gate == "exponential":
            stabiliser = torch.maximum(kept + m, written)
            kept, written, m = kept + m - stabiliser, written - stabiliser, stabiliser
        else:
            written, m = F.logsigmoid(written), torch.zeros_like(m)
        kept, written = kept.exp()[..., None], written.exp()[..., None]
        c = kept[..., None] * c + written[..., None] * k[:, t, :, :, None] * v[:, t, :, None, :]
        n = kept * n + written * k[:, t]
        query = q[:, t] / width**0.5
        retrieved, total = torch.einsum("bhde,bhd->bhe", c, query), (n * query).sum(-1, keepdim=True).abs()
        if gate == "exponential":
            retrieved = retrieved / (torch.maximum(total, (-m).exp()[..., None]) + eps)
        elif normalised:
            retrieved = retrieved / total.clamp(min=1)
        outputs.append(retrieved)
    return torch.stack(outputs, dim=1), c, n, m
