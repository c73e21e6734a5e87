"""One position of the matrix LSTM in C++ on the CPU, its state renewed in place."""

from __future__ import annotations

from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from seqlab.kernels.mlstm.output import InputGate
from seqlab.kernels.native import DTYPES, Native

__all__ = ["NATIVE", "mlstm_step_native", "serves"]

NATIVE = Native(Path(__file__).with_name("step.cpp"))


def serves(q: Tensor, state: tuple[Tensor, Tensor, Tensor], *others: Tensor) -> bool:
    """Whether the C++ step takes these: float32 states without gaps, and nothing to be differentiated."""
    asked = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (q, *others, *state))
    kept = all(tensor.dtype == torch.float32 and tensor.is_contiguous() for tensor in state)
    return kept and not asked and q.dtype != torch.float64 and NATIVE.serves(q)


def mlstm_step_native(
    q: Float[Tensor, "b h d"],
    k: Float[Tensor, "b h d"],
    v: Float[Tensor, "b h e"],
    input_gate: Float[Tensor, "b h"],
    forget_gate: Float[Tensor, "b h"],
    state: tuple[Float[Tensor, "b h d e"], Float[Tensor, "b h d"], Float[Tensor, "b h"]],
    *,
    gate: InputGate,
    normalised: bool,
    eps: float,
) -> tuple[Float[Tensor, "b h e"], Float[Tensor, "b h d e"], Float[Tensor, "b h d"], Float[Tensor, "b h"]]:
    """h of one position in float32, and the state, whose tensors are those that were given."""
    q, k, v = map(_by_rows, (q, k, v))
    gates = _by_rows(input_gate.float()), _by_rows(forget_gate.float())
    if gates[0].stride(0) != gates[1].stride(0):
        gates = gates[0].contiguous(), gates[1].contiguous()
    h = state[0].new_empty(v.shape)
    strides = q.stride(0), k.stride(0), v.stride(0), gates[0].stride(0)
    flags = int(gate == "exponential"), int(normalised)
    given = q, k, v, *gates, h, *state, *k.shape, v.shape[-1], *strides, *flags, eps
    NATIVE.run(f"step_{DTYPES[q.dtype]}", *given)
    return h, *state


def _by_rows(x: Tensor) -> Tensor:
    """x itself where each of its rows has no gaps, else a copy without."""
    return x if x[0].is_contiguous() else x.contiguous()
