"""H3 with learned long kernels in the place of its state space models (Fu et al., arXiv 2302.06646)."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from seqlab.filters import Filter, LongFilter
from seqlab.filters.explicit import Explicit
from seqlab.mixers import Mixer, State, fresh_position
from seqlab.mixers.shared.convolution import convolution_flops, convolve
from seqlab.mixers.shared.projections import ThreeProjections
from seqlab.nn.inits import residual
from seqlab.nn.linear import Linear
from seqlab.nn.online import OnlineConvolution
from seqlab.nn.remembered import Remembered
from seqlab.nn.rows import last_document, last_position, positions_seen, without_padding

__all__ = ["H3Conv", "H3ConvLayer"]


class H3Conv(Mixer):
    """y = W (q . (K * u + D . u)), u = kbar . v, kbar = K_k * k + D_k . k; q, k and v are linears of the input.

    A shorter input meets the first taps alone: nothing wraps round. An input longer than `length` raises, and so
    does a step beyond it. Linears are drawn by torch's default, uniform within 1/sqrt(fan_in), biases too; the skips
    by N(0, 1); the kernels as their filters state.
    """

    source: ClassVar[str] = "Fu et al., arXiv 2302.06646"
    complexity: ClassVar[str] = "L log L"

    key_filter: Filter = Explicit(squash=0.003)
    """What gives the keys their kernels."""
    filter: Filter = Explicit(squash=0.003)
    """What gives the products of keys and values their kernels."""

    def build(self, *, dim: int, length: int) -> H3ConvLayer:
        return H3ConvLayer(self, dim, length)


class H3ConvLayer(ThreeProjections):
    """State: `keys` and `products` (B, length, D), the memories of the two convolutions (seqlab.nn.online)."""

    def __init__(self, spec: H3Conv, dim: int, length: int) -> None:
        super().__init__()
        self.max_length = self.length = length
        self.project = Linear(dim, 3 * dim)
        self.key_filter = spec.key_filter.build(channels=dim, length=length)
        self.key_skip = nn.Parameter(torch.empty(dim))
        self.filter = spec.filter.build(channels=dim, length=length)
        self.skip = nn.Parameter(torch.empty(dim))
        self.out = residual(Linear(dim, dim))
        self._online = Remembered(self, self._online_convolutions)
        self._reset_skips()

    def _filters(self) -> tuple[LongFilter, LongFilter]:
        return self.key_filter, self.filter

    def _keys(self, k: Tensor, starts: Tensor | None) -> Tensor:
        return convolve(k, self.key_filter(k.shape[1]), self.key_skip, starts)

    def _mix(self, x: Tensor, lengths: Tensor | None, starts: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """y, and the inputs (B, L, D) of the two convolutions."""
        # Padding cannot reach back by the formula, but a transform spreads its rounding everywhere.
        q, k, v = self._project(without_padding(x, lengths))
        products = self._keys(k, starts) * v
        mixed = convolve(products, self.filter(x.shape[1]), self.skip, starts)
        return self.out((q * mixed).to(x.dtype)), k, products

    def prefill(self, x: Tensor, lengths: Tensor | None = None, starts: Tensor | None = None) -> tuple[Tensor, State]:
        self.check(x, lengths, starts)
        y, *inputs = self._mix(x, lengths, starts)
        last, seen = last_position(x, lengths), positions_seen(x, lengths, starts)
        keys, products = inputs if starts is None else [last_document(u, last, seen) for u in inputs]
        of_keys, of_products = self._online()
        return y, {
            "keys": of_keys.prefill(keys, seen, self.length),
            "products": of_products.prefill(products, seen, self.length),
            "position": seen,
        }

    def _online_convolutions(self) -> tuple[OnlineConvolution, OnlineConvolution]:
        """That of the keys and that of the products."""
        keys = OnlineConvolution(self.key_filter(self.length), self.key_skip)
        return keys, OnlineConvolution(self.filter(self.length), self.skip)

    def init_state(self, batch: int) -> State:
        wide = torch.promote_types(self.skip.dtype, torch.float32)
        shape = (batch, self.length, len(self.skip))
        return {
            "keys": self.skip.new_zeros(shape, dtype=wide),
            "products": self.skip.new_zeros(shape, dtype=wide),
            "position": fresh_position(batch, self.skip.device),
        }

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        self.check_state(x_t, state)
        position, (of_keys, of_products) = state["position"], self._online()
        q, k, v = self._project(x_t)
        products = of_keys.step(k, state["keys"], position) * v
        mixed = of_products.step(products, state["products"], position)
        state["position"] = position + 1
        return self.out((q * mixed).to(x_t.dtype)), state

    def state_bytes(self, batch: int, length: int) -> int:
        size = max(self.skip.element_size(), 4)
        return batch * (2 * self.length * len(self.skip) * size + 8)

    def flops(self, length: int) -> float:
        dim = len(self.skip)
        return length * (2.0 * 4 * dim * dim + 2 * dim * (convolution_flops(length) + 1))
