"""Hyena: gates and long convolutions in turn, a subquadratic mixer (Poli et al., arXiv 2302.10866)."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqlab.filters import Filter
from seqlab.filters.implicit import Implicit
from seqlab.kernels.long_convolution import long_convolution
from seqlab.kernels.short_convolution import short_convolution
from seqlab.mixers import Mixer, SequenceMixer, State, fresh_position
from seqlab.nn.inits import residual
from seqlab.nn.rows import positions_seen, without_padding
from seqlab.spec import Field

__all__ = ["Hyena", "HyenaOperator"]


class Hyena(Mixer):
    """y = W_out (x_0 . v), where v <- h_o * (x_{N-1-o} . v) + D_o . (x_{N-1-o} . v) for o = 0 .. N-2.

    x_0 .. x_{N-1} and v are a linear of the input followed by a short causal convolution. An input longer than
    `length` raises, and so does a step beyond it. Linears and the short convolution are drawn by torch's default,
    uniform within 1/sqrt(fan_in), biases too; the skips D by N(0, 1). Conventions of HazyResearch/safari.
    """

    source: ClassVar[str] = "Poli et al., arXiv 2302.10866"
    complexity: ClassVar[str] = "L log L"

    order: int = Field(default=2, ge=2)
    """N, the number of gates; there are N - 1 long convolutions."""
    short_filter: int = Field(default=3, ge=1)
    """Taps of the short convolution."""
    filter: Filter = Implicit()
    """What gives the long convolutions their kernels."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of gated values dropped in training, before each long convolution."""

    def build(self, *, dim: int, length: int) -> HyenaOperator:
        return HyenaOperator(self, dim, length)


class HyenaOperator(SequenceMixer):
    """State: `recent` (B, (N+1) D, K-1), the last inputs of the short convolution; `history` (B, N-1, D, length),
    all inputs of the long ones, in the filter's dtype.

    The filter's channel d (N-1) + o is the kernel of feature d at step o; `skip` is laid out likewise.
    """

    causal = True

    def __init__(self, spec: Hyena, dim: int, length: int) -> None:
        super().__init__()
        self.max_length = self.length = length
        self.dim, self.order, self.dropout = dim, spec.order, spec.dropout
        width = (spec.order + 1) * dim
        self.project = nn.Linear(dim, width)
        self.short_weight = nn.Parameter(torch.empty(width, spec.short_filter))
        self.short_bias = nn.Parameter(torch.empty(width))
        self.filter = spec.filter.build(channels=(spec.order - 1) * dim, length=length)
        self.skip = nn.Parameter(torch.empty((spec.order - 1) * dim))
        self.out = residual(nn.Linear(dim, dim))
        self._remembered: tuple[list[tuple[Tensor, int, int]], Tensor] | None = None
        self._reset_own()

    def reset_parameters(self) -> None:
        self.project.reset_parameters()
        self.filter.reset_parameters()
        self.out.reset_parameters()
        self._reset_own()

    def _reset_own(self) -> None:
        bound = 1 / math.sqrt(self.short_weight.shape[1])
        nn.init.uniform_(self.short_weight, -bound, bound)
        nn.init.uniform_(self.short_bias, -bound, bound)
        nn.init.normal_(self.skip)

    def param_groups(self) -> list[dict[str, Any]]:
        return self.filter.param_groups()

    def forward(self, x: Tensor, lengths: Tensor | None = None, starts: Tensor | None = None) -> Tensor:
        self.check(x, lengths, starts)
        return self._mix(x, lengths)[0]

    def _mix(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor, list[Tensor]]:
        """y, the short convolution's input (B, (N+1) D, L) and the long ones' inputs (B, D, L), one each."""
        # Padding cannot reach back by the formula, but a transform spreads its rounding everywhere.
        x = without_padding(x, lengths)
        # Features before time from here to the output's linear: no array is turned round in memory.
        weight, bias = self.project.weight.expand(len(x), -1, -1), self.project.bias[:, None].expand(len(x), -1, 1)
        projected = torch.baddbmm(bias, weight, x.transpose(1, 2))
        wide = projected.to(torch.promote_types(x.dtype, torch.float32)).transpose(1, 2)
        short = short_convolution(wide, self.short_weight, self.short_bias).transpose(1, 2)
        *gates, v = short.chunk(self.order + 1, dim=1)
        kernels = self._by_step(self.filter(x.shape[1]))
        skips = self._by_step(self.skip)
        gated = []
        for gate, kernel, skip in zip(reversed(gates[1:]), kernels, skips, strict=True):
            v = F.dropout(v * gate, self.dropout, self.training)
            gated.append(v)
            v = long_convolution(v.transpose(1, 2), kernel, skip).transpose(1, 2)
        return self.out((gates[0] * v).to(x.dtype).transpose(1, 2)), projected, gated

    def _by_step(self, channels: Tensor) -> Tensor:
        """(D (N-1), ...) -> (N-1, D, ...)."""
        return channels.view(self.dim, self.order - 1, *channels.shape[1:]).transpose(0, 1)

    def prefill(self, x: Tensor, lengths: Tensor | None = None, starts: Tensor | None = None) -> tuple[Tensor, State]:
        self.check(x, lengths, starts)
        y, projected, gated = self._mix(x, lengths)
        state = self.init_state(x.shape[0])
        state["history"][..., : x.shape[1]] = torch.stack(gated, dim=1)
        state["position"] = positions_seen(x, lengths)
        kept = state["recent"].shape[-1]
        source = (state["position"][:, None] - torch.arange(kept, 0, -1, device=x.device))[:, None]
        recent = projected.gather(2, source.clamp(min=0).expand(-1, projected.shape[1], -1))
        state["recent"] = recent.masked_fill(source < 0, 0)
        return y, state

    def init_state(self, batch: int) -> State:
        weight = self.project.weight
        width, taps = self.short_weight.shape
        wide = torch.promote_types(weight.dtype, torch.float32)
        return {
            "recent": weight.new_zeros(batch, width, taps - 1),
            "history": weight.new_zeros(batch, self.order - 1, self.dim, self.length, dtype=wide),
            "position": fresh_position(batch, weight.device),
        }

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        self.check_state(x_t, state)
        position, history = state["position"], state["history"]
        times = sorted(set(position.tolist()))
        if times[-1] >= self.length:
            raise ValueError(f"hyena was built for {self.length} positions and cannot step beyond them.")
        seen = torch.cat([state["recent"], self.project(x_t)[..., None]], dim=-1)
        mixed = (seen * self.short_weight).sum(-1) + self.short_bias
        *gates, v = mixed.to(history.dtype).chunk(self.order + 1, dim=1)
        rows = torch.arange(len(position), device=position.device)
        parts = zip(reversed(gates[1:]), self._reversed_kernels(), self._by_step(self.skip), strict=True)
        for o, (gate, kernel, skip) in enumerate(parts):
            v = v * gate
            history[rows, o, :, position] = v
            v = _latest(history[:, o], kernel, position, times) + skip * v
        state["recent"], state["position"] = seen[..., 1:], position + 1
        return self.out((gates[0] * v).to(x_t.dtype)), state

    def _reversed_kernels(self) -> Tensor:
        """(N-1, D, length), the last tap first. Without gradients it is computed once for each value of the filter's
        tensors, which are told by torch's version counters."""
        if torch.is_grad_enabled():
            return self._by_step(self.filter(self.length)).flip(-1)
        tensors = [*self.filter.parameters(), *self.filter.buffers()]
        now = [(tensor, tensor.data_ptr(), tensor._version) for tensor in tensors]
        if self._remembered is None or not _same(self._remembered[0], now):
            self._remembered = now, self._by_step(self.filter(self.length)).flip(-1)
        return self._remembered[1]

    def state_bytes(self, batch: int, length: int) -> int:
        width, taps = self.short_weight.shape
        size = self.project.weight.element_size()
        history = (self.order - 1) * self.dim * self.length * max(size, 4)
        return batch * (width * (taps - 1) * size + history + 8)

    def flops(self, length: int) -> float:
        """The filter's own evaluation, which does not grow with the batch, is left out."""
        width, taps = self.short_weight.shape
        linears = 2.0 * self.dim * (width + self.dim)
        transforms = (self.order - 1) * self.dim * 3 * 5 * math.log2(max(2 * length, 2))
        return length * (linears + 2 * width * taps + transforms + 2 * self.order * self.dim)


def _latest(history: Tensor, kernel: Tensor, position: Tensor, times: list[int]) -> Tensor:
    """The convolution (B, D) at each row's own position; rows at one position share one contraction."""
    if len(times) == 1:
        upto = times[0] + 1
        return torch.einsum("bdl,dl->bd", history[..., :upto], kernel[:, -upto:])
    y = history.new_empty(history.shape[:2])
    for time in times:
        rows = (position == time).nonzero()[:, 0]
        y[rows] = torch.einsum("bdl,dl->bd", history[rows, :, : time + 1], kernel[:, -time - 1 :])
    return y


def _same(a: list[tuple[Tensor, int, int]], b: list[tuple[Tensor, int, int]]) -> bool:
    return len(a) == len(b) and all(x[0] is y[0] and x[1:] == y[1:] for x, y in zip(a, b, strict=True))
