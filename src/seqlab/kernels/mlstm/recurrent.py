"""The matrix LSTM one position at a time: generation, and the slowest way through a sequence."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from seqlab.kernels.mlstm.output import InputGate, normalise

__all__ = ["mlstm_recurrent", "one_step"]


def one_step(
    q: Float[Tensor, "b h d"],
    k: Float[Tensor, "b h d"],
    v: Float[Tensor, "b h e"],
    input_gate: Float[Tensor, "b h"],
    forget_gate: Float[Tensor, "b h"],
    state: tuple[Float[Tensor, "b h d e"], Float[Tensor, "b h d"], Float[Tensor, "b h"]],
    *,
    gate: InputGate = "exponential",
    normalised: bool = True,
    eps: float = 1e-6,
) -> tuple[Float[Tensor, "b h e"], Float[Tensor, "b h d e"], Float[Tensor, "b h d"], Float[Tensor, "b h"]]:
    """h of one position and the new c, n, m, all in the widest of the dtypes of q and c and float32."""
    wide = torch.promote_types(torch.promote_types(q.dtype, state[0].dtype), torch.float32)
    q, k, v, written, kept = (x.to(wide) for x in (q, k, v, input_gate, forget_gate))
    c, n, m = (x.to(wide) for x in state)
    kept = F.logsigmoid(kept)
    if gate == "exponential":
        before, m = kept + m, torch.maximum(kept + m, written)
        kept, written = before - m, written - m
    else:
        written, m = F.logsigmoid(written), torch.zeros_like(m)
    kept, key = kept.exp()[..., None], k * written.exp()[..., None]
    c = torch.addcmul(kept[..., None] * c, key[..., None], v[..., None, :])
    n = kept * n + key
    query = (q * q.shape[-1] ** -0.5)[..., None, :]
    answer = torch.cat([query @ c, query @ n[..., None]], dim=-1)[..., 0, :]
    return normalise(answer, m, gate, normalised, eps), c, n, m


def mlstm_recurrent(
    q: Float[Tensor, "b l h d"],
    k: Float[Tensor, "b l h d"],
    v: Float[Tensor, "b l h e"],
    input_gate: Float[Tensor, "b l h"],
    forget_gate: Float[Tensor, "b l h"],
    state: tuple[Float[Tensor, "b h d e"], Float[Tensor, "b h d"], Float[Tensor, "b h"]],
    starts: Bool[Tensor, "b l"] | None = None,
    *,
    gate: InputGate = "exponential",
    normalised: bool = True,
    eps: float = 1e-6,
) -> tuple[Float[Tensor, "b l h e"], Float[Tensor, "b h d e"], Float[Tensor, "b h d"], Float[Tensor, "b h"]]:
    """A loop of steps."""
    outputs = []
    for t in range(q.shape[1]):
        if starts is not None:
            state = _forgotten(state, starts[:, t])
        now = q[:, t], k[:, t], v[:, t], input_gate[:, t], forget_gate[:, t]
        h, c, n, m = one_step(*now, state, gate=gate, normalised=normalised, eps=eps)
        state = c, n, m
        outputs.append(h)
    return torch.stack(outputs, dim=1), *state


def _forgotten(state: tuple[Tensor, Tensor, Tensor], rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The state with zeros in those rows."""
    c, n, m = (x.masked_fill(rows.view(-1, *[1] * (x.ndim - 1)), 0) for x in state)
    return c, n, m
