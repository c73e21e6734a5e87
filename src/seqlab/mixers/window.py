"""Softmax attention over a sliding window (Longformer, arXiv 2004.05150; Mistral, arXiv 2310.06825)."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from seqlab.kernels.attention import attention
from seqlab.kernels.window_attention import window_attention
from seqlab.mixers import Mixer, SequenceMixer, State, fresh_position
from seqlab.nn.heads import Heads, Position, alibi_slopes
from seqlab.nn.inits import residual
from seqlab.nn.rows import positions_seen
from seqlab.spec import Field

__all__ = ["SlidingAttention", "Window"]


class Window(Mixer):
    """Causal attention in which a position sees itself and the `window` - 1 before it; inputs of any length.

    Linears are drawn by torch's default, uniform within 1/sqrt(fan_in), biases too.
    """

    source: ClassVar[str] = "Longformer, arXiv 2004.05150; sinks: arXiv 2309.17453"
    complexity: ClassVar[str] = "L"

    window: int = Field(default=128, ge=1)
    """How many positions are seen, the own one included."""
    heads: int = Field(default=4, ge=1)
    """Number of heads; it divides D."""
    kv_heads: int | None = Field(default=None, ge=1)
    """Number of key and value heads that groups of heads share (arXiv 2305.13245); none: as many as heads."""
    position: Position = "none"
    """How positions enter: not at all, by rotation of q and k, or by ALiBi (scores fall with distance)."""
    rotary_base: float = Field(default=10000.0, gt=1)
    """Base of the rotary wavelengths (arXiv 2104.09864)."""
    alibi_span: float = Field(default=8.0, gt=0)
    """Heads' slopes of ALiBi run from about 1 down to 2^-span (arXiv 2108.12409: 8); a smaller span looks nearer."""
    qk_norm: bool = False
    """Whether q and k get an RMS norm with a weight, over each head (arXiv 2302.05442)."""
    bias: bool = False
    """Whether the linears have biases."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of attention weights dropped in training."""

    def build(self, *, dim: int, length: int) -> SlidingAttention:
        return SlidingAttention(self, dim)


class SlidingAttention(SequenceMixer):
    """State: `keys` and `values` (B, window, G, E), rings in which position p lies at p mod window."""

    causal = True
    max_length = None

    def __init__(self, spec: Window, dim: int) -> None:
        super().__init__()
        self.window, self.reach, self.dropout = spec.window, spec.window, spec.dropout
        self.alibi, self.alibi_span = spec.position == "alibi", spec.alibi_span
        self.heads = Heads(dim, spec.heads, spec.kv_heads, spec.position, spec.rotary_base, spec.qk_norm, spec.bias)
        self.out = residual(nn.Linear(dim, dim, bias=spec.bias))

    def reset_parameters(self) -> None:
        self.heads.reset_parameters()
        self.out.reset_parameters()

    def forward(self, x: Tensor, lengths: Tensor | None = None, starts: Tensor | None = None) -> Tensor:
        self.check(x, lengths, starts)
        return self._attend(x)[0]

    def _attend(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        # Right padding lies in the future of every real position and needs no mask.
        q, k, v = self.heads(x, torch.arange(x.shape[1], device=x.device)[None])
        slopes = alibi_slopes(self.heads.heads, self.alibi_span, x) if self.alibi else None
        y = window_attention(q, k, v, window=self.window, slopes=slopes, dropout=self.dropout * self.training)
        return self.out(y.flatten(2)), k, v

    def prefill(self, x: Tensor, lengths: Tensor | None = None, starts: Tensor | None = None) -> tuple[Tensor, State]:
        self.check(x, lengths, starts)
        y, k, v = self._attend(x)
        state = self.init_state(x.shape[0])
        state["position"] = positions_seen(x, lengths)
        # The ring's slot s holds the last real position that is s mod window, if there is one.
        last = state["position"][:, None] - 1
        source = last - self._age(last)
        rows = torch.arange(x.shape[0], device=x.device)[:, None]
        held = (source >= 0)[..., None, None]
        state["keys"] = torch.where(held, k[rows, source.clamp(min=0)], state["keys"])
        state["values"] = torch.where(held, v[rows, source.clamp(min=0)], state["values"])
        return y, state

    def _age(self, position: Tensor) -> Tensor:
        """How far before `position` (B, 1) each slot's content lies, once the slot was written: (B, window)."""
        return (position - torch.arange(self.window, device=position.device)) % self.window

    def init_state(self, batch: int) -> State:
        weight = self.out.weight
        shape = (batch, self.window, self.heads.groups, self.heads.width)
        return {
            "keys": weight.new_zeros(shape),
            "values": weight.new_zeros(shape),
            "position": fresh_position(batch, weight.device),
        }

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        self.check_state(x_t, state)
        position, keys, values = state["position"], state["keys"], state["values"]
        q, k, v = self.heads(x_t[:, None], position[:, None])
        rows, slot = torch.arange(len(position), device=position.device), position % self.window
        keys[rows, slot], values[rows, slot] = k[:, 0], v[:, 0]
        y = attention(q, keys, values, bias=self._step_bias(position[:, None], x_t))
        state["position"] = position + 1
        return self.out(y.flatten(1)), state

    def _step_bias(self, position: Tensor, x_t: Tensor) -> Tensor:
        """(B, 1 or H, 1, window): which slots a row sees, and how far they are."""
        age = self._age(position)
        written = (age <= position)[:, None, None]
        if not self.alibi:
            return written
        bias = -alibi_slopes(self.heads.heads, self.alibi_span, x_t)[:, None, None] * age[:, None, None]
        return bias.masked_fill(~written, float("-inf"))

    def state_bytes(self, batch: int, length: int) -> int:
        cached = 2 * self.window * self.heads.groups * self.heads.width
        return batch * (cached * self.out.weight.element_size() + 8)

    def flops(self, length: int) -> float:
        linears = 2.0 * length * (self.heads.project.weight.numel() + self.out.weight.numel())
        full = min(length, self.window)
        pairs = full * (full + 1) / 2 + (length - full) * self.window
        return linears + 4.0 * pairs * self.out.in_features
