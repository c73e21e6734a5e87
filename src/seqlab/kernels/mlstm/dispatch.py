"""Which form of the matrix LSTM runs: the one that is asked for, chunks unless something else is; on a GPU Triton's."""

from __future__ import annotations

from typing import Any, Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from seqlab.kernels.gpu import triton_serves
from seqlab.kernels.mlstm.chunkwise import mlstm_chunkwise
from seqlab.kernels.mlstm.native import mlstm_step_native, serves
from seqlab.kernels.mlstm.output import InputGate
from seqlab.kernels.mlstm.recurrent import mlstm_recurrent, one_step
from seqlab.kernels.shapes import fitting
from seqlab.kernels.taken import take

__all__ = ["Form", "mlstm", "mlstm_step", "way_of"]

Form = Literal["chunkwise", "parallel", "recurrent"]


def way_of(form: Form, q: Tensor) -> str:
    """Which way a sequence with these queries goes."""
    served = form == "chunkwise" and triton_serves(q) and q.dtype != torch.float64
    return "triton" if served else form


@fitting
def mlstm(
    q: Float[Tensor, "b l h d"],
    k: Float[Tensor, "b l h d"],
    v: Float[Tensor, "b l h e"],
    input_gate: Float[Tensor, "b l h"],
    forget_gate: Float[Tensor, "b l h"],
    initial: tuple[Float[Tensor, "b h d e"], Float[Tensor, "b h d"], Float[Tensor, "b h"]] | None = None,
    starts: Bool[Tensor, "b l"] | None = None,
    *,
    form: Form = "chunkwise",
    chunk: int = 64,
    gate: InputGate = "exponential",
    normalised: bool = True,
    eps: float = 1e-6,
) -> tuple[Float[Tensor, "b l h e"], Float[Tensor, "b h d e"], Float[Tensor, "b h d"], Float[Tensor, "b h"]]:
    """h in q's dtype, and the last memory C, normaliser n and stabiliser m in float32 or wider (arXiv 2405.04517).

    From zeros, or from `initial` (C, n, m), and from zeros again wherever `starts` is true. The gates are
    pre-activations; q is scaled here. Chunkwise costs l (chunk (d + e) + d e), parallel l^2 (d + e), and recurrent
    l d e, one position after the other; all give the same, and gradients for every argument and result.
    """
    wide = torch.promote_types(q.dtype, torch.float32)
    if initial is None:
        batch, _, heads, width = q.shape
        zeros = q.new_zeros(batch, heads, width, v.shape[-1] + 2, dtype=wide)
        initial = zeros[..., :-2], zeros[..., -2], zeros[..., 0, -1]
    options: dict[str, Any] = {"gate": gate, "normalised": normalised, "eps": eps}
    given = q, k, v, input_gate, forget_gate, initial, starts
    way = way_of(form, q)
    take("mlstm", way)
    if way == "recurrent":
        h, c, n, m = mlstm_recurrent(*given, **options)
    elif way == "triton":
        from seqlab.kernels.mlstm.triton import mlstm_triton

        h, c, n, m = mlstm_triton(*given, chunk=chunk, **options)
    else:
        h, c, n, m = mlstm_chunkwise(*given, chunk=q.shape[1] if form == "parallel" else chunk, **options)
    return h.to(q.dtype), c, n, m


@fitting
def mlstm_step(
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
    """h of one position and the new c, n, m, all in the widest of the dtypes of q and c and float32. The state may be
    renewed in place: on a CPU in float32, where nothing is to be differentiated."""
    given = q, k, v, input_gate, forget_gate, state
    options: dict[str, Any] = {"gate": gate, "normalised": normalised, "eps": eps}
    if serves(q, state, k, v, input_gate, forget_gate):
        take("mlstm_step", "native")
        return mlstm_step_native(*given, **options)
    take("mlstm_step", "torch")
    return one_step(*given, **options)
