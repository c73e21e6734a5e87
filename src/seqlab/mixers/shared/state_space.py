"""One recurrent filter as a layer: the form that S4D gave state space models (arXiv 2206.11893)."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqlab.filters import RecurrentFilter
from seqlab.mixers import SequenceMixer, State, fresh_position
from seqlab.mixers.shared.convolution import convolution_flops, convolve
from seqlab.nn.dropout import dropout
from seqlab.nn.inits import residual
from seqlab.nn.linear import Linear
from seqlab.nn.rows import last_position, positions_seen, without_padding

__all__ = ["StateSpaceLayer"]


class StateSpaceLayer(SequenceMixer):
    """y = W GELU(K * u + D . u) + b, or GLU(W GELU(..) + b) with twice the outputs of W.

    State: `memory` (B, D, ...), the filter's. D is drawn by N(0, 1), the linear by torch's default.
    """

    causal = True
    max_length = None
    resets = True

    def __init__(self, kernel: RecurrentFilter, dim: int, *, glu: bool, dropout: float) -> None:
        super().__init__()
        self.kernel, self.glu, self.dropout = kernel, glu, dropout
        self.skip = nn.Parameter(torch.empty(dim))
        self.out = residual(Linear(dim, 2 * dim if glu else dim))
        nn.init.normal_(self.skip)

    def reset_parameters(self) -> None:
        self.kernel.reset_parameters()
        self.out.reset_parameters()
        nn.init.normal_(self.skip)

    def param_groups(self) -> list[dict[str, Any]]:
        return self.kernel.param_groups()

    def forward(self, x: Tensor, lengths: Tensor | None = None, starts: Tensor | None = None) -> Tensor:
        self.check(x, lengths, starts)
        # Padding cannot reach back by the formula, but a transform spreads its rounding everywhere.
        x = without_padding(x, lengths)
        return self._read_out(convolve(x, self.kernel.taps(x.shape[1]), self.skip, starts))

    def _read_out(self, mixed: Tensor) -> Tensor:
        y = self.out(dropout(F.gelu(mixed), self.dropout, self.training))
        return F.glu(y) if self.glu else y

    def prefill(self, x: Tensor, lengths: Tensor | None = None, starts: Tensor | None = None) -> tuple[Tensor, State]:
        y = self(x, lengths, starts)
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        seen = positions_seen(x, lengths, starts)
        return y, {"memory": self.kernel.memory_after(wide, last_position(x, lengths), seen), "position": seen}

    def init_state(self, batch: int) -> State:
        return {"memory": self.kernel.init_memory(batch), "position": fresh_position(batch, self.skip.device)}

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        self.check_state(x_t, state)
        mixed, memory = self.kernel.step(x_t.to(state["memory"].dtype), state["memory"])
        y = self._read_out((mixed + self.skip * x_t).to(x_t.dtype))
        return y, {"memory": memory, "position": state["position"] + 1}

    def state_bytes(self, batch: int, length: int) -> int:
        return sum(tensor.nbytes for tensor in self.init_state(1).values()) * batch

    def flops(self, length: int) -> float:
        return length * (2.0 * self.out.weight.numel() + len(self.skip) * convolution_flops(length))
