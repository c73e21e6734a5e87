"""The matrix LSTM of the large xLSTM models (Beck et al., arXiv 2405.04517 and 2503.13427)."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from seqlab.kernels.gated_product import gated_product
from seqlab.mixers import Mixer, SequenceMixer, State, fresh_position
from seqlab.nn.gate import Gate
from seqlab.nn.gates import HeadGates, closed_after
from seqlab.nn.head_norm import HeadNorm
from seqlab.nn.inits import residual
from seqlab.nn.linear import Linear
from seqlab.nn.matrix_cell import MatrixCell
from seqlab.nn.rows import positions_seen, without_padding
from seqlab.nn.small_init import draw_small
from seqlab.spec import Field, SpecError

__all__ = ["MLSTM", "MatrixLSTM"]


class MLSTM(Mixer):
    """y = W_out (sigmoid(W_o x) . norm(h)), where h is what the matrix memory of every head answers to q.

    q, k, v are linears of x, and so are the pre-activations of the two gates, one each head, below a soft cap. The
    norm is a layer norm of each head. Inputs of any length. Linears are drawn by N(0, 2 / (5 D)), biases 0; the
    gates' weights are 0, the input gates' biases -10, the forget gates' from 3 to 6 over the heads.
    """

    source: ClassVar[str] = "Beck et al., arXiv 2405.04517, 2503.13427"
    complexity: ClassVar[str] = "L"

    heads: int = Field(default=4, ge=1)
    """Number of heads; it divides the widths of queries and of values."""
    qk_dim_factor: float = Field(default=0.5, gt=0)
    """Width of queries and keys, all heads together, in units of D."""
    v_dim_factor: float = Field(default=1.0, gt=0)
    """Width of values, all heads together, in units of D."""
    gate_cap: float | None = Field(default=15.0, gt=0)
    """c of the gates' soft cap c tanh(a / c); none: no cap."""
    cell: MatrixCell = MatrixCell()
    """The memory's formula, and how it is computed."""
    norm_eps: float = Field(default=1e-6, gt=0)
    """Added to the variance in the heads' norm."""
    bias: bool = False
    """Whether the linears have biases; the gates always have."""

    def build(self, *, dim: int, length: int) -> MatrixLSTM:
        return MatrixLSTM(self, dim)


class MatrixLSTM(SequenceMixer):
    """State: `memory` C (B, H, Q, E), `normaliser` n (B, H, Q) and `stabiliser` m (B, H)."""

    causal = True
    max_length = None
    resets = True

    def __init__(self, spec: MLSTM, dim: int) -> None:
        super().__init__()
        self.dim, self.heads, self.cell = dim, spec.heads, spec.cell
        self.keys, self.values = (_width(spec, dim, factor) for factor in ("qk_dim_factor", "v_dim_factor"))
        self.project = Linear(dim, 2 * (self.keys + self.values), bias=spec.bias)
        self.gates = HeadGates(dim, spec.heads, cap=spec.gate_cap, input_bias=-10.0)
        self.norm = HeadNorm(spec.heads, self.values, spec.norm_eps)
        self.out = residual(Linear(self.values, dim, bias=spec.bias))
        self._reset_linears()

    def reset_parameters(self) -> None:
        self.gates.reset_parameters()
        self.norm.reset_parameters()
        self._reset_linears()

    def _reset_linears(self) -> None:
        for linear in (self.project, self.out):
            draw_small(linear, self.dim)

    def forward(self, x: Tensor, lengths: Tensor | None = None, starts: Tensor | None = None) -> Tensor:
        self.check(x, lengths, starts)
        return self._mix(x, None, starts)[0]

    def kept(self, x: Tensor) -> dict[str, Tensor]:
        return {"": self.gates(x)[1].sigmoid()}

    def gating(self, x: Tensor) -> dict[str, Gate]:
        *_, o = self._heads(x)
        return {"input": self.cell.opened(self.gates(x)[0]), "output": Gate(o.sigmoid(), is_sigmoid=True)}

    def prefill(self, x: Tensor, lengths: Tensor | None = None, starts: Tensor | None = None) -> tuple[Tensor, State]:
        self.check(x, lengths, starts)
        begins = None if starts is None else without_padding(starts, lengths)
        y, memory = self._mix(without_padding(x, lengths), lengths, begins)
        return y, memory | {"position": positions_seen(x, lengths, starts)}

    def _mix(self, x: Tensor, lengths: Tensor | None, starts: Tensor | None) -> tuple[Tensor, State]:
        """y, and the memory after the last position, where `lengths` are given after each row's last real one."""
        q, k, v, o = self._heads(x)
        a, b = self.gates(x)
        if lengths is not None:
            a, b = closed_after(lengths, a, b)
        h, memory = self.cell.sequence(q, k, v, a, b, starts)
        return self._write(h, o), memory

    def _heads(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """(..., D) -> q and k (..., H, Q), v (..., H, E), and the output gate's pre-activation (..., H E)."""
        q, k, v, o = self.project(x).split([self.keys, self.keys, self.values, self.values], dim=-1)
        by_head = (self.heads, -1)
        return q.unflatten(-1, by_head), k.unflatten(-1, by_head), v.unflatten(-1, by_head), o

    def _write(self, h: Tensor, o: Tensor) -> Tensor:
        written: Tensor = self.out(gated_product(o, self.norm(h), "sigmoid"))
        return written

    def init_state(self, batch: int) -> State:
        keys, values, weight = self.keys // self.heads, self.values // self.heads, self.project.weight
        memory = self.cell.init_state(batch, self.heads, keys, values, weight)
        return memory | {"position": fresh_position(batch, weight.device)}

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        self.check_state(x_t, state)
        q, k, v, o = self._heads(x_t)
        a, b = self.gates(x_t)
        h, memory = self.cell.step(q, k, v, a, b, state)
        return self._write(h, o), memory | {"position": state["position"].add_(1)}

    def extend(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        self.check_state(x[:, 0], state)
        q, k, v, o = self._heads(x)
        a, b = self.gates(x)
        h, memory = self.cell.sequence(q, k, v, a, b, None, state)
        return self._write(h, o), memory | {"position": state["position"] + x.shape[1]}

    def state_bytes(self, batch: int, length: int) -> int:
        return batch * sum(tensor.nbytes for tensor in self.init_state(1).values())

    def flops(self, length: int) -> float:
        weights = self.project.weight.numel() + self.gates.project.weight.numel() + self.out.weight.numel()
        memory = self.cell.flops(length, self.heads, self.keys // self.heads, self.values // self.heads)
        return 2.0 * length * weights + memory


def _width(spec: MLSTM, dim: int, factor: str) -> int:
    width = int(dim * getattr(spec, factor))
    if width == 0 or width % spec.heads:
        raise SpecError(
            f"mixers/mlstm.{factor}={getattr(spec, factor)} makes {width} of {dim} features, which {spec.heads} heads "
            "do not divide; choose another factor or number of heads."
        )
    return width
