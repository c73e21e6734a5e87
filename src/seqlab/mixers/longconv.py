"""A long convolution with explicit kernels between two pointwise steps (Fu et al., arXiv 2302.06646)."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqlab.filters import Filter, LongFilter
from seqlab.filters.explicit import Explicit
from seqlab.mixers import Mixer, SequenceMixer, State, fresh_position
from seqlab.mixers.shared.convolution import convolution_flops, convolve
from seqlab.nn.activations import Activation, activation
from seqlab.nn.inits import residual
from seqlab.nn.linear import Linear
from seqlab.nn.online import OnlineConvolution
from seqlab.nn.remembered import Remembered
from seqlab.nn.rows import last_document, last_position, positions_seen, without_padding
from seqlab.spec import Field

__all__ = ["LongConv", "LongConvLayer"]


class LongConv(Mixer):
    """y = GLU(W dropout(activation([k_c * u + D_c . u for every channel c])) + b), with W of shape (2 D, C D).

    An input shorter than `length` meets the first taps alone: nothing wraps round. A longer one raises, and so does a
    step beyond `length`. `bidirectional` adds sum_{s>t} b_{s-t-1} u_s, b from filters of its own. The linear is drawn
    by torch's default, uniform within 1/sqrt(fan_in), biases too; the skips D_c by N(0, 1); kernels as the filter
    states. Conventions of HazyResearch/safari.
    """

    source: ClassVar[str] = "Fu et al., arXiv 2302.06646"
    complexity: ClassVar[str] = "L log L"

    channels: int = Field(default=2, ge=1)
    """C, the kernels of each feature."""
    filter: Filter = Explicit(squash=0.003)
    """What gives the kernels; channels have filters of their own."""
    bidirectional: bool = False
    """Whether positions see later ones too; then there are no steps."""
    activation: Activation = "gelu"
    """The function between the convolution and the linear."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of features dropped in training before the linear, each at all positions of a row at once."""

    def build(self, *, dim: int, length: int) -> LongConvLayer:
        return LongConvLayer(self, dim, length)


class LongConvLayer(SequenceMixer):
    """State: `history` (B, length, C D), the memory of the convolution (seqlab.nn.online), in float32 or wider.

    Channels are laid out (C, D).
    """

    def __init__(self, spec: LongConv, dim: int, length: int) -> None:
        super().__init__()
        self.max_length = self.length = length
        self.causal = self.resets = not spec.bidirectional
        self.channels, self.dropout = spec.channels, spec.dropout
        self.activation = activation(spec.activation)
        self.filters = self._build_filters(spec.filter, dim, spec.channels)
        self.filters_back = self._build_filters(spec.filter, dim, spec.channels if spec.bidirectional else 0)
        self.skip = nn.Parameter(torch.empty(spec.channels * dim))
        self.out = residual(Linear(spec.channels * dim, 2 * dim))
        self._online = Remembered(self, self._online_convolution)
        nn.init.normal_(self.skip)

    def _build_filters(self, spec: Filter, dim: int, channels: int) -> nn.ModuleList:
        return nn.ModuleList(spec.build(channels=dim, length=self.length) for _ in range(channels))

    def reset_parameters(self) -> None:
        for part in self._filters():
            part.reset_parameters()
        self.out.reset_parameters()
        nn.init.normal_(self.skip)

    def _filters(self) -> list[LongFilter]:
        return [*self.filters, *self.filters_back]

    def param_groups(self) -> list[dict[str, Any]]:
        return [group for part in self._filters() for group in part.param_groups()]

    def forward(self, x: Tensor, lengths: Tensor | None = None, starts: Tensor | None = None) -> Tensor:
        self.check(x, lengths, starts)
        length = min(x.shape[1], self.length)
        taps = self._taps(self.filters, length)
        back = None if self.causal else self._taps(self.filters_back, length)
        # Padding cannot reach back by the formula, but a transform spreads its rounding everywhere.
        u = self._for_every_channel(without_padding(x, lengths))
        return self._read_out(convolve(u, taps, self.skip, starts, back))

    def _taps(self, filters: nn.ModuleList, length: int) -> Tensor:
        """(C D, length)."""
        return torch.cat([part(length) for part in filters])

    def _for_every_channel(self, x: Tensor) -> Tensor:
        """(.., D) -> (.., C D)."""
        return torch.cat([x] * self.channels, dim=-1)

    def _read_out(self, mixed: Tensor) -> Tensor:
        """(B, L, C D) -> (B, L, D)."""
        hidden = F.dropout1d(self.activation(mixed).mT, self.dropout, self.training).mT
        return F.glu(self.out(hidden))

    def prefill(self, x: Tensor, lengths: Tensor | None = None, starts: Tensor | None = None) -> tuple[Tensor, State]:
        self.require_causal()
        y = self(x, lengths, starts)
        seen = positions_seen(x, lengths, starts)
        u = self._for_every_channel(last_document(x, last_position(x, lengths), seen))
        wide = u.to(torch.promote_types(x.dtype, torch.float32))
        return y, {"history": self._online().prefill(wide, seen, self.length), "position": seen}

    def _online_convolution(self) -> OnlineConvolution:
        return OnlineConvolution(self._taps(self.filters, self.length), self.skip)

    def init_state(self, batch: int) -> State:
        wide = torch.promote_types(self.skip.dtype, torch.float32)
        return {
            "history": self.skip.new_zeros(batch, self.length, len(self.skip), dtype=wide),
            "position": fresh_position(batch, self.skip.device),
        }

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        self.check_state(x_t, state)
        position, history = state["position"], state["history"]
        mixed = self._online().step(self._for_every_channel(x_t).to(history.dtype), history, position)
        state["position"] = position + 1
        return self._read_out(mixed.to(x_t.dtype)[:, None])[:, 0], state

    def state_bytes(self, batch: int, length: int) -> int:
        return batch * (self.length * len(self.skip) * max(self.skip.element_size(), 4) + 8)

    def flops(self, length: int) -> float:
        return length * (2.0 * self.out.weight.numel() + len(self.skip) * convolution_flops(length))
