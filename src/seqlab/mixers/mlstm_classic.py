"""The matrix LSTM of the first xLSTM, with a convolution and a skip around its cell (Beck et al., arXiv 2405.04517)."""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqlab.mixers import Mixer, SequenceMixer, State, fresh_position
from seqlab.nn.block_linear import BlockLinear
from seqlab.nn.causal_convolution import CausalConvolution
from seqlab.nn.gate import Gate
from seqlab.nn.gates import HeadGates, closed_after
from seqlab.nn.head_norm import HeadNorm
from seqlab.nn.inits import residual
from seqlab.nn.linear import Linear
from seqlab.nn.matrix_cell import MatrixCell
from seqlab.nn.rows import last_position, positions_seen, without_padding
from seqlab.nn.small_init import draw_small, small_std
from seqlab.spec import Field, SpecError

__all__ = ["ClassicMLSTM", "ClassicMatrixLSTM"]


class ClassicMLSTM(Mixer):
    """y = W_out ((norm(h) + skip . u) . silu(z)), [a, z] = W_in x, u = silu(convolution(a)), of E = expand D features.

    q and k are block-diagonal linears of u, v one of a; the gates' pre-activations, one each head, are linears of
    [q, k, v], without a cap. The norm is a layer norm of each head. Inputs of any length. Linears are drawn by
    N(0, 2 / (5 D)), the skip is 1, the convolution is torch's default; the gates' weights are 0, the input gates'
    biases N(0, 0.1^2), the forget gates' from 3 to 6 over the heads. Conventions of the package xlstm.
    """

    source: ClassVar[str] = "Beck et al., arXiv 2405.04517"
    complexity: ClassVar[str] = "L"

    heads: int = Field(default=4, ge=1)
    """Number of heads; it divides E."""
    expand: float = Field(default=2.0, gt=0)
    """E, the width inside, in units of D."""
    taps: int = Field(default=4, ge=1)
    """Taps of the convolution."""
    block: int = Field(default=4, ge=1)
    """Width of the blocks of q, k and v; it divides E."""
    cell: MatrixCell = MatrixCell()
    """The memory's formula, and how it is computed."""
    norm_eps: float = Field(default=1e-5, gt=0)
    """Added to the variance in the heads' norm."""
    bias: bool = False
    """Whether the linears into and out of the inside have biases; the gates always have."""

    def build(self, *, dim: int, length: int) -> ClassicMatrixLSTM:
        return ClassicMatrixLSTM(self, dim)


class ClassicMatrixLSTM(SequenceMixer):
    """State: `recent` (B, taps - 1, E), the convolution's last inputs; `memory`, `normaliser` and `stabiliser` of the
    heads as the cell keeps them."""

    causal = True
    max_length = None
    resets = True

    def __init__(self, spec: ClassicMLSTM, dim: int) -> None:
        super().__init__()
        inner = int(round(dim * spec.expand, 6))  # a quotient of widths gives its width again
        if inner == 0 or inner % spec.heads or inner % spec.block:
            raise SpecError(
                f"mixers/mlstm_classic.expand={spec.expand} makes {inner} of {dim} features, which {spec.heads} heads "
                f"or blocks of {spec.block} do not divide; choose another factor, or other heads or blocks."
            )
        self.dim, self.inner, self.heads, self.cell = dim, inner, spec.heads, spec.cell
        self.project = Linear(dim, 2 * inner, bias=spec.bias)
        self.convolution = CausalConvolution(inner, spec.taps)
        self.q, self.k, self.v = (BlockLinear(inner, inner // spec.block, small_std(dim)) for _ in range(3))
        self.gates = HeadGates(3 * inner, spec.heads, input_std=0.1)
        self.norm = HeadNorm(spec.heads, inner, spec.norm_eps)
        self.skip = nn.Parameter(torch.ones(inner))
        self.out = residual(Linear(inner, dim, bias=spec.bias))
        self._reset_own()

    def reset_parameters(self) -> None:
        for part in (self.convolution, self.q, self.k, self.v, self.gates, self.norm):
            part.reset_parameters()
        self._reset_own()

    def _reset_own(self) -> None:
        nn.init.ones_(self.skip)
        for linear in (self.project, self.out):
            draw_small(linear, self.dim)

    def forward(self, x: Tensor, lengths: Tensor | None = None, starts: Tensor | None = None) -> Tensor:
        self.check(x, lengths, starts)
        return self._mix(x, None, starts)[0]

    def kept(self, x: Tensor) -> dict[str, Tensor]:
        a, _ = self.project(x).chunk(2, dim=-1)
        *_, (_, forget) = self._heads(F.silu(self.convolution(a, None)), a)
        return {"": forget.sigmoid()}

    def gating(self, x: Tensor) -> dict[str, Gate]:
        a, z = self.project(x).chunk(2, dim=-1)
        *_, (written, _) = self._heads(F.silu(self.convolution(a, None)), a)
        return {"input": self.cell.opened(written), "output": Gate(F.silu(z))}

    def prefill(self, x: Tensor, lengths: Tensor | None = None, starts: Tensor | None = None) -> tuple[Tensor, State]:
        self.check(x, lengths, starts)
        begins = None if starts is None else without_padding(starts, lengths)
        y, memory, a = self._mix(without_padding(x, lengths), lengths, begins)
        seen = positions_seen(x, lengths, starts)
        recent = self.convolution.memory_after(a, last_position(x, lengths), seen)
        return y, memory | {"recent": recent, "position": seen}

    def _mix(self, x: Tensor, lengths: Tensor | None, starts: Tensor | None) -> tuple[Tensor, State, Tensor]:
        """y, the memory after the last real position, and the convolution's inputs a."""
        a, z = self.project(x).chunk(2, dim=-1)
        u = F.silu(self.convolution(a, starts))
        q, k, v, gates = self._heads(u, a)
        if lengths is not None:
            gates = closed_after(lengths, *gates)
        h, memory = self.cell.sequence(q, k, v, *gates, starts)
        return self._write(h, u, z), memory, a

    def _heads(self, u: Tensor, a: Tensor) -> tuple[Tensor, Tensor, Tensor, tuple[Tensor, Tensor]]:
        """(..., E) twice -> q, k, v (..., H, E / H) and the gates' pre-activations (..., H)."""
        q, k, v = self.q(u), self.k(u), self.v(a)
        gates = self.gates(torch.cat([q, k, v], dim=-1))
        by_head = (self.heads, -1)
        return q.unflatten(-1, by_head), k.unflatten(-1, by_head), v.unflatten(-1, by_head), gates

    def _write(self, h: Tensor, u: Tensor, z: Tensor) -> Tensor:
        opened = (self.norm(h) + self.skip * u) * F.silu(z)
        written: Tensor = self.out(opened.to(z.dtype))
        return written

    def init_state(self, batch: int) -> State:
        width, weight = self.inner // self.heads, self.project.weight
        memory = self.cell.init_state(batch, self.heads, width, width, weight)
        recent = self.convolution.init_memory(batch)
        return memory | {"recent": recent, "position": fresh_position(batch, weight.device)}

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        self.check_state(x_t, state)
        a, z = self.project(x_t).chunk(2, dim=-1)
        convolved, recent = self.convolution.step(a, state["recent"])
        u = F.silu(convolved)
        q, k, v, gates = self._heads(u, a)
        h, memory = self.cell.step(q, k, v, *gates, state)
        return self._write(h, u, z), memory | {"recent": recent, "position": state["position"] + 1}

    def extend(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        self.check_state(x[:, 0], state)
        a, z = self.project(x).chunk(2, dim=-1)
        convolved, recent = self.convolution.extend(a, state["recent"])
        u = F.silu(convolved)
        q, k, v, gates = self._heads(u, a)
        h, memory = self.cell.sequence(q, k, v, *gates, None, state)
        return self._write(h, u, z), memory | {"recent": recent, "position": state["position"] + x.shape[1]}

    def state_bytes(self, batch: int, length: int) -> int:
        return batch * sum(tensor.nbytes for tensor in self.init_state(1).values())

    def flops(self, length: int) -> float:
        parts = (self.project, self.convolution, self.q, self.k, self.v, self.gates.project, self.out)
        width = self.inner // self.heads
        weights = sum(part.weight.numel() for part in parts)
        return 2.0 * length * weights + self.cell.flops(length, self.heads, width, width)
