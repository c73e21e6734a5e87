"""The matrix LSTM of the large xLSTM models (Beck et al., arXiv 2405.04517 and 2503.13427)."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from seqlab.kernels.mlstm import Form, InputGate, mlstm, mlstm_step
from seqlab.mixers import Mixer, SequenceMixer, State, fresh_position
from seqlab.nn.gates import HeadGates, closed_after
from seqlab.nn.head_norm import HeadNorm
from seqlab.nn.inits import residual
from seqlab.nn.rows import positions_seen, without_padding
from seqlab.spec import Field, SpecError

__all__ = ["MLSTM", "MatrixLSTM"]

Memory = tuple[Tensor, Tensor, Tensor]
"""C (B, H, Q, E), n (B, H, Q) and m (B, H)."""


class MLSTM(Mixer):
    """y = W_out (sigmoid(W_o x) . norm(h)), where h is what a matrix memory C of every head answers to q.

    C' = f C + i k v', n' = f n + i k, h = C'^T q / max(|n' q|, 1), with i = exp(a) or sigmoid(a) and f = sigmoid(b) of
    one pre-activation per head, both below a soft cap; q is divided by sqrt(E), and the norm is a layer norm of each
    head. Everything is kept divided by exp(m), m the running maximum of the exponents, and eps is added to the
    divisor in that scale. Inputs of any length. Linears are drawn by N(0, 2 / (5 D)), biases 0; the gates' weights
    are 0, the input gates' biases -10, the forget gates' from 3 to 6 over the heads.
    """

    source: ClassVar[str] = "xLSTM, arXiv 2405.04517; xLSTM 7B, arXiv 2503.13427; sigmoid gate: arXiv 2503.14376"
    complexity: ClassVar[str] = "L"

    heads: int = Field(default=4, ge=1)
    """Number of heads; it divides the widths of queries and of values."""
    qk_dim_factor: float = Field(default=0.5, gt=0)
    """Width of queries and keys, all heads together, in units of D."""
    v_dim_factor: float = Field(default=1.0, gt=0)
    """Width of values, all heads together, in units of D."""
    gate_cap: float | None = Field(default=15.0, gt=0)
    """c of the gates' soft cap c tanh(a / c); none: no cap."""
    input_gate: InputGate = "exponential"
    """The input gate; a sigmoid one needs no stabiliser (arXiv 2503.14376)."""
    normalised: bool = True
    """Whether a sigmoid gate's h is divided by max(|n q|, 1); with an exponential one it always is."""
    form: Form = "chunkwise"
    """How a sequence is computed: in chunks, with all pairs of positions, or one position after the other."""
    chunk: int = Field(default=64, ge=1)
    """Positions of a chunk in the chunkwise form; the last may be shorter."""
    state_dtype: Literal["auto", "float64", "float32", "bfloat16"] = "auto"
    """What C and n are kept in between steps; auto: float32, or the parameters' dtype where that is wider. m is never
    kept in less than float32, for exp(m) would be off by 6 % in bfloat16."""
    eps: float = Field(default=1e-6, ge=0)
    """Added to the divisor of h after stabilisation (exponential gate)."""
    norm_eps: float = Field(default=1e-6, gt=0)
    """Added to the variance in the heads' norm."""
    bias: bool = False
    """Whether the linears have biases; the gates always have."""

    def check(self) -> None:
        if self.input_gate == "exponential" and not self.normalised:
            raise SpecError("mixers/mlstm.normalised=false needs input_gate=sigmoid: exponential gates have no bound.")

    def build(self, *, dim: int, length: int) -> MatrixLSTM:
        return MatrixLSTM(self, dim)


class MatrixLSTM(SequenceMixer):
    """State: `memory` C (B, H, Q, E), `normaliser` n (B, H, Q) and `stabiliser` m (B, H)."""

    causal = True
    max_length = None
    resets = True

    def __init__(self, spec: MLSTM, dim: int) -> None:
        super().__init__()
        self.spec, self.dim = spec, dim
        self._cell: dict[str, Any] = {"gate": spec.input_gate, "normalised": spec.normalised, "eps": spec.eps}
        self.keys, self.values = (_width(spec, dim, factor) for factor in ("qk_dim_factor", "v_dim_factor"))
        self.project = nn.Linear(dim, 2 * (self.keys + self.values), bias=spec.bias)
        self.gates = HeadGates(dim, spec.heads, cap=spec.gate_cap, input_bias=-10.0)
        self.norm = HeadNorm(self.values, spec.norm_eps)
        self.out = residual(nn.Linear(self.values, dim, bias=spec.bias))
        self._reset_linears()

    def reset_parameters(self) -> None:
        self.gates.reset_parameters()
        self.norm.reset_parameters()
        self._reset_linears()

    def _reset_linears(self) -> None:
        for linear in (self.project, self.out):
            nn.init.normal_(linear.weight, 0.0, math.sqrt(2 / (5 * self.dim)))
            if linear.bias is not None:
                nn.init.zeros_(linear.bias)

    def forward(self, x: Tensor, lengths: Tensor | None = None, starts: Tensor | None = None) -> Tensor:
        self.check(x, lengths, starts)
        return self._mix(x, None, starts)[0]

    def prefill(self, x: Tensor, lengths: Tensor | None = None, starts: Tensor | None = None) -> tuple[Tensor, State]:
        self.check(x, lengths, starts)
        begins = None if starts is None else without_padding(starts, lengths)
        y, memory = self._mix(without_padding(x, lengths), lengths, begins)
        return y, self._state(memory, positions_seen(x, lengths, starts))

    def _mix(self, x: Tensor, lengths: Tensor | None, starts: Tensor | None) -> tuple[Tensor, Memory]:
        q, k, v, o = self._heads(x)
        i, f = self.gates(x)
        if lengths is not None:
            i, f = closed_after(lengths, i, f)
        spec = self.spec
        h, c, n, m = mlstm(q, k, v, i, f, None, starts, form=spec.form, chunk=spec.chunk, **self._cell)
        return self._written(h, o), (c, n, m)

    def _heads(self, x: Tensor) -> tuple[Tensor, ...]:
        """(..., D) -> q and k (..., H, Q), v (..., H, E), and the output gate's pre-activation (..., H E)."""
        q, k, v, o = self.project(x).split([self.keys, self.keys, self.values, self.values], dim=-1)
        return *(t.unflatten(-1, (self.spec.heads, -1)) for t in (q, k, v)), o

    def _written(self, h: Tensor, o: Tensor) -> Tensor:
        normed = self.norm(h)
        written: Tensor = self.out((o.to(normed.dtype).sigmoid() * normed).to(o.dtype))
        return written

    def _state(self, memory: Memory, position: Tensor) -> State:
        (c, n, m), (kept, wide) = memory, self._state_dtypes()
        return {"memory": c.to(kept), "normaliser": n.to(kept), "stabiliser": m.to(wide), "position": position}

    def _state_dtypes(self) -> tuple[torch.dtype, torch.dtype]:
        """Of C and n, and of m."""
        wide = torch.promote_types(self.project.weight.dtype, torch.float32)
        kept: torch.dtype = wide if self.spec.state_dtype == "auto" else getattr(torch, self.spec.state_dtype)
        return kept, torch.promote_types(kept, wide)

    def init_state(self, batch: int) -> State:
        heads, weight = self.spec.heads, self.project.weight
        keys, values = self.keys // heads, self.values // heads
        c, n = weight.new_zeros(batch, heads, keys, values), weight.new_zeros(batch, heads, keys)
        return self._state((c, n, weight.new_zeros(batch, heads)), fresh_position(batch, weight.device))

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        self.check_state(x_t, state)
        q, k, v, o = self._heads(x_t)
        i, f = self.gates(x_t)
        held = state["memory"], state["normaliser"], state["stabiliser"]
        h, c, n, m = mlstm_step(q, k, v, i, f, held, **self._cell)
        return self._written(h, o), self._state((c, n, m), state["position"] + 1)

    def state_bytes(self, batch: int, length: int) -> int:
        kept, wide = self._state_dtypes()
        heads, keys = self.spec.heads, self.keys
        return batch * (keys * (self.values // heads + 1) * kept.itemsize + heads * wide.itemsize + 8)

    def flops(self, length: int) -> float:
        linears = 2.0 * (self.project.weight.numel() + self.gates.project.weight.numel() + self.out.weight.numel())
        widths = self.keys + self.values + self.spec.heads
        memory = 4.0 * self.keys * (self.values // self.spec.heads + 1)
        pairs = {"chunkwise": min(self.spec.chunk, length), "parallel": length, "recurrent": 0}[self.spec.form]
        return length * (linears + 2.0 * pairs * widths + memory)


def _width(spec: MLSTM, dim: int, factor: str) -> int:
    width = int(dim * getattr(spec, factor))
    if width == 0 or width % spec.heads:
        raise SpecError(
            f"mixers/mlstm.{factor}={getattr(spec, factor)} makes {width} of {dim} features, which {spec.heads} heads "
            "do not divide; choose another factor or number of heads."
        )
    return width
