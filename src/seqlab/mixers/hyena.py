"""Hyena: gates and long convolutions in turn, a subquadratic mixer (Poli et al., arXiv 2302.10866)."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqlab.filters import Filter, LongFilter
from seqlab.filters.implicit import Implicit
from seqlab.kernels.gated_convolutions import gated_convolutions
from seqlab.kernels.short_convolution import short_convolution
from seqlab.mixers import Mixer, SequenceMixer, State, fresh_position
from seqlab.mixers.shared.convolution import convolution_flops, convolve
from seqlab.nn.gate import Gate
from seqlab.nn.inits import residual
from seqlab.nn.linear import Linear
from seqlab.nn.online import OnlineConvolution
from seqlab.nn.outer import OuterProducts
from seqlab.nn.remembered import Remembered
from seqlab.nn.rows import each_document, last_document, last_position, latest, positions_seen, without_padding
from seqlab.spec import Field, SpecError

__all__ = ["Hyena", "HyenaOperator"]


class Hyena(Mixer):
    """y = W_out (x_0 . v), where v <- h_o * (x_{N-1-o} . v) + D_o . (x_{N-1-o} . v) for o = 0 .. N-2.

    x_0 .. x_{N-1} and v are a linear of the input followed by a short causal convolution. An input shorter than
    `length` meets the first taps alone; a longer one raises, and so does a step beyond `length`.

    With H heads (MultiHyena, arXiv 2310.18780), x_{N-1} . v is the outer product (M x M) of each head's M = D/H
    features, whose entries share the head's kernels and skip; the gates multiply its rows, and x_0 sums over them.
    Features are laid out head by head. With H = D it is the formula above.

    `bidirectional` adds sum_{s>t} b_{s-t-1} u_s to each long convolution, b from a second filter; the short one stays
    causal. Linears and the short convolution are drawn by torch's default, uniform within 1/sqrt(fan_in), biases too;
    the skips D by N(0, 1). Conventions of HazyResearch/safari.
    """

    source: ClassVar[str] = "Poli et al., arXiv 2302.10866"
    complexity: ClassVar[str] = "L log L"

    order: int = Field(default=2, ge=2)
    """N, the number of gates; there are N - 1 long convolutions."""
    heads: int | None = Field(default=None, ge=1)
    """H, which divides D; none: every feature is a head of its own. The convolutions grow as D/H."""
    short_filter: int = Field(default=3, ge=1)
    """Taps of the short convolution."""
    filter: Filter = Implicit()
    """What gives the long convolutions their kernels."""
    bidirectional: bool = False
    """Whether positions see later ones too; then there are no steps."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of gated values dropped in training, before each long convolution."""

    def build(self, *, dim: int, length: int) -> HyenaOperator:
        if dim % (self.heads or dim):
            raise SpecError(f"{self.heads} heads do not divide {dim} features; choose a divisor of {dim}.")
        return HyenaOperator(self, dim, length)


class HyenaOperator(SequenceMixer):
    """State: `recent` (B, K-1, (N+1) D), the last inputs of the short convolution; `history` (B, N-1, length, M D),
    the memories of the long ones (seqlab.nn.online), in float32 or wider.

    A filter's channel h (N-1) + o is the kernel of head h at step o; `skip` is laid out likewise.
    """

    def __init__(self, spec: Hyena, dim: int, length: int) -> None:
        super().__init__()
        self.max_length = self.length = length
        self.causal = self.resets = not spec.bidirectional
        self.order, self.dropout = spec.order, spec.dropout
        heads = spec.heads or dim
        self.products = OuterProducts(heads, dim // heads)
        width, kernels = (spec.order + 1) * dim, (spec.order - 1) * heads
        self.project = Linear(dim, width)
        self.short_weight = nn.Parameter(torch.empty(width, spec.short_filter))
        self.short_bias = nn.Parameter(torch.empty(width))
        self.filter = spec.filter.build(channels=kernels, length=length)
        self.filter_back = spec.filter.build(channels=kernels, length=length) if spec.bidirectional else None
        self.skip = nn.Parameter(torch.empty(kernels))
        self.out = residual(Linear(dim, dim))
        self._online = Remembered(self, self._online_convolutions)
        self._reset_own()

    def reset_parameters(self) -> None:
        self.project.reset_parameters()
        for part in self._filters():
            part.reset_parameters()
        self.out.reset_parameters()
        self._reset_own()

    def _reset_own(self) -> None:
        bound = 1 / math.sqrt(self.short_weight.shape[1])
        nn.init.uniform_(self.short_weight, -bound, bound)
        nn.init.uniform_(self.short_bias, -bound, bound)
        nn.init.normal_(self.skip)

    def _filters(self) -> list[LongFilter]:
        return [self.filter] if self.filter_back is None else [self.filter, self.filter_back]

    def param_groups(self) -> list[dict[str, Any]]:
        return [group for part in self._filters() for group in part.param_groups()]

    def forward(self, x: Tensor, lengths: Tensor | None = None, starts: Tensor | None = None) -> Tensor:
        self.check(x, lengths, starts)
        return each_document(lambda rows: self._outputs(rows, lengths), without_padding(x, lengths), starts)

    def gating(self, x: Tensor) -> dict[str, Gate]:
        """x_0 .. x_{N-1}."""
        projected = self.project(x)
        wide = projected.to(torch.promote_types(x.dtype, torch.float32))
        *gates, _ = short_convolution(wide, self.short_weight, self.short_bias).chunk(self.order + 1, dim=-1)
        return {f"x_{number}": Gate(gate) for number, gate in enumerate(gates)}

    def _outputs(self, x: Tensor, lengths: Tensor | None) -> Tensor:
        """The first result of `_mix` by one kernel, where every feature is a head of its own."""
        if self.products.width > 1 or (lengths is not None and not self.causal):
            return self._mix(x, lengths)[0]
        slots = (self.order + 1, x.shape[2])
        mixed = gated_convolutions(
            self.project(x).unflatten(-1, slots),
            self.short_weight.unflatten(0, slots),
            self.short_bias.unflatten(0, slots),
            *self._kernels(x.shape[1]),
            dropout=self.dropout if self.training else 0.0,
        )
        y: Tensor = self.out(mixed)
        return y

    def _mix(self, x: Tensor, lengths: Tensor | None) -> list[Tensor]:
        """y (B, L, D), the short convolution's input (B, L, (N+1) D) and those of the long ones (B, L, M D)."""
        projected = self.project(x)
        wide = projected.to(torch.promote_types(x.dtype, torch.float32))
        short = short_convolution(wide, self.short_weight, self.short_bias)
        *gates, v = self._slots(short)
        gated = []
        taps, skips, taps_back = self._kernels(x.shape[1])
        behind = [None] * len(taps) if taps_back is None else list(taps_back)
        for gate, own_taps, skip, back in zip(reversed(gates[1:]), taps, skips, behind, strict=True):
            v = F.dropout(v * gate, self.dropout, self.training)
            if not self.causal:
                v = without_padding(v, lengths)  # the biases filled the padding, and earlier positions see it
            gated.append(v)
            v = convolve(v, own_taps, skip, taps_back=back)
        return [self._read_out(gates[0] * v, x.dtype), projected, *gated]

    def _slots(self, short: Tensor) -> list[Tensor]:
        """(.., (N+1) D) -> x_0 .. x_{N-1} and v, each (.., M D)."""
        *gates, v = short.chunk(self.order + 1, dim=-1)
        return [*map(self.products.rows, gates), self.products.columns(v)]

    def _kernels(self, length: int) -> tuple[Tensor, Tensor, Tensor | None]:
        """Taps (N-1, H, K), skips (N-1, H) and the taps for later positions, if there are any."""
        length = min(length, self.length)  # a document of a row may come padded
        taps, skips = self._by_step(self.filter(length)), self._by_step(self.skip)
        return taps, skips, None if self.filter_back is None else self._by_step(self.filter_back(length))

    def _by_step(self, channels: Tensor) -> Tensor:
        """(H (N-1), ...) -> (N-1, H, ...)."""
        return channels.view(-1, self.order - 1, *channels.shape[1:]).transpose(0, 1)

    def _read_out(self, products: Tensor, dtype: torch.dtype) -> Tensor:
        y: Tensor = self.out(self.products.sum_rows(products).to(dtype))
        return y

    def prefill(self, x: Tensor, lengths: Tensor | None = None, starts: Tensor | None = None) -> tuple[Tensor, State]:
        self.require_causal()
        self.check(x, lengths, starts)
        x = without_padding(x, lengths)
        joined = each_document(lambda rows: torch.cat(self._mix(rows, lengths), dim=-1), x, starts)
        width = self.short_weight.shape[0]
        y, projected, gated = joined.split([x.shape[2], width, joined.shape[2] - x.shape[2] - width], dim=2)
        last, seen = last_position(x, lengths), positions_seen(x, lengths, starts)
        inputs = (gated if starts is None else last_document(gated, last, seen)).chunk(self.order - 1, dim=2)
        memories = [online.prefill(u, seen, self.length) for online, u in zip(self._online(), inputs, strict=True)]
        return y.to(x.dtype), {
            "recent": latest(projected, last, seen, self.short_weight.shape[1] - 1).to(x.dtype),
            "history": torch.stack(memories, dim=1),
            "position": seen,
        }

    def _online_convolutions(self) -> list[OnlineConvolution]:
        """One for each long convolution."""
        taps, skips, _ = self._kernels(self.length)
        return list(map(OnlineConvolution, taps, skips))

    def init_state(self, batch: int) -> State:
        weight = self.project.weight
        width, taps = self.short_weight.shape
        wide = torch.promote_types(weight.dtype, torch.float32)
        channels = self.products.width * weight.shape[1]
        return {
            "recent": weight.new_zeros(batch, taps - 1, width),
            "history": weight.new_zeros(batch, self.order - 1, self.length, channels, dtype=wide),
            "position": fresh_position(batch, weight.device),
        }

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        self.check_state(x_t, state)
        position, history = state["position"], state["history"]
        seen = torch.cat([state["recent"], self.project(x_t)[:, None]], dim=1)
        short = (seen.to(history.dtype) * self.short_weight.T).sum(1) + self.short_bias
        *gates, v = self._slots(short)
        for o, (gate, online) in enumerate(zip(reversed(gates[1:]), self._online(), strict=True)):
            v = online.step(v * gate, history[:, o], position)
        state["recent"], state["position"] = seen[:, 1:], position + 1
        return self._read_out(gates[0] * v, x_t.dtype), state

    def state_bytes(self, batch: int, length: int) -> int:
        width, taps = self.short_weight.shape
        size = self.project.weight.element_size()
        history = (self.order - 1) * self.length * self.products.width * self.out.in_features * max(size, 4)
        return batch * (width * (taps - 1) * size + history + 8)

    def flops(self, length: int) -> float:
        width, taps = self.short_weight.shape
        dim = self.out.in_features
        channels = dim * self.products.width
        convolutions = (self.order - 1) * channels * convolution_flops(length)
        return length * (2.0 * dim * (width + dim) + 2 * width * taps + convolutions + self.order * channels)
