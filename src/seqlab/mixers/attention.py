"""Softmax attention over all positions (arXiv 1706.03762)."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from seqlab.kernels.attention import attention
from seqlab.kernels.attention.reference import attention_weights
from seqlab.mixers import Mixer, SequenceMixer, State, fresh_position
from seqlab.nn.attention_laws import AttentionLaws
from seqlab.nn.heads import Heads, Position, alibi_slopes
from seqlab.nn.inits import residual
from seqlab.nn.linear import Linear
from seqlab.nn.norms import Norm
from seqlab.nn.rows import (
    document_begins,
    each_document,
    is_padding,
    last_document,
    last_position,
    positions_in_document,
    positions_seen,
)
from seqlab.spec import Field

__all__ = ["Attention", "SelfAttention"]


class Attention(Mixer):
    """Multi-head softmax attention. Linears are drawn by torch's default, uniform within 1/sqrt(fan_in), biases too.

    An input longer than `length` raises, and so does a step beyond it.
    """

    source: ClassVar[str] = "Vaswani et al., arXiv 1706.03762"
    complexity: ClassVar[str] = "L^2"

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
    qk_norm: Norm | bool = False
    """Norm of q and k over each head; true is an RMS norm with a weight (arXiv 2302.05442)."""
    causal: bool = True
    """Whether a position sees only itself and earlier ones."""
    bias: bool = False
    """Whether the linears have biases."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of attention weights dropped in training."""
    laws: AttentionLaws = AttentionLaws()
    """Laws of queries, keys, values and the linear behind the heads, where they are not the model's."""

    def build(self, *, dim: int, length: int) -> SelfAttention:
        return SelfAttention(self, dim, length)


class SelfAttention(SequenceMixer):
    """State: `keys` and `values` (B, length, G, E), whatever the position, which counts from the document's begin."""

    resets = True

    def __init__(self, spec: Attention, dim: int, length: int) -> None:
        super().__init__()
        self.length = length
        self.causal, self.max_length, self.dropout = spec.causal, length, spec.dropout
        self.alibi, self.alibi_span = spec.position == "alibi", spec.alibi_span
        self.heads = Heads(dim, spec.heads, spec.kv_heads, spec.position, spec.rotary_base, spec.qk_norm, spec.bias)
        self.out = residual(Linear(dim, dim, bias=spec.bias))
        spec.laws.mark(self.heads.project, self.out, self.heads.queries_and_keys)

    def reset_parameters(self) -> None:
        self.heads.reset_parameters()
        self.out.reset_parameters()

    def forward(self, x: Tensor, lengths: Tensor | None = None, starts: Tensor | None = None) -> Tensor:
        self.check(x, lengths, starts)
        if self.causal:  # right padding lies in the future of every real position, and documents can be rows
            return each_document(lambda rows: self._attend(rows)[0], x, starts)
        return self._attend(x, lengths, starts)[0]

    def _attend(
        self, x: Tensor, lengths: Tensor | None = None, starts: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        q, k, v = self.heads(x, positions_in_document(x, starts))
        bias = self._bias(x, lengths, starts)
        causal = self.causal and not self.alibi  # ALiBi's bias holds the causal pattern already
        y = attention(q, k, v, causal=causal, bias=bias, dropout=self.dropout * self.training)
        return self.out(y.flatten(2)), k, v

    def attention_weights(self, x: Tensor) -> Tensor:
        q, k, _ = self.heads(x, positions_in_document(x, None))
        causal = self.causal and not self.alibi
        return attention_weights(q, k, causal=causal, bias=self._bias(x, None, None))

    def _bias(self, x: Tensor, lengths: Tensor | None, starts: Tensor | None) -> Tensor | None:
        seen = _seen(x, lengths, starts)
        if not self.alibi:
            return seen
        slopes = alibi_slopes(self.heads.heads, self.alibi_span, x)
        time = torch.arange(x.shape[1], device=x.device)
        distance = (time[:, None] - time).to(slopes.dtype)
        penalty = distance.masked_fill(distance < 0, float("inf")) if self.causal else distance.abs()
        bias = -slopes[:, None, None] * penalty
        return bias[None] if seen is None else bias.masked_fill(~seen, float("-inf"))

    def prefill(self, x: Tensor, lengths: Tensor | None = None, starts: Tensor | None = None) -> tuple[Tensor, State]:
        self.require_causal()
        self.check(x, lengths, starts)
        state = self.init_state(x.shape[0])
        state["position"] = positions_seen(x, lengths, starts)
        if starts is None:
            y, k, v = self._attend(x)
        else:
            y = self(x, lengths, starts)
            document = last_document(x, last_position(x, lengths), state["position"])
            _, k, v = self.heads(document, positions_in_document(document, None))
        state["keys"][:, : x.shape[1]] = k
        state["values"][:, : x.shape[1]] = v
        return y, state

    def init_state(self, batch: int) -> State:
        weight = self.out.weight
        shape = (batch, self.length, self.heads.groups, self.heads.width)
        return {
            "keys": weight.new_zeros(shape),
            "values": weight.new_zeros(shape),
            "position": fresh_position(batch, weight.device),
        }

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        self.check_state(x_t, state)
        position, keys, values = state["position"], state["keys"], state["values"]
        q, k, v = self.heads(x_t[:, None], position[:, None])
        rows = torch.arange(len(position), device=position.device)
        keys[rows, position], values[rows, position] = k[:, 0], v[:, 0]
        y = attention(q, keys, values, bias=self._step_bias(position, x_t))
        state["position"] = position + 1
        return self.out(y.flatten(1)), state

    def _step_bias(self, position: Tensor, x_t: Tensor) -> Tensor:
        """(B, 1 or H, 1, length): which cached keys a row sees, and how far they are."""
        distance = (position[:, None] - torch.arange(self.length, device=position.device))[:, None, None]
        if not self.alibi:
            return distance >= 0
        bias = -alibi_slopes(self.heads.heads, self.alibi_span, x_t)[:, None, None] * distance
        return bias.masked_fill(distance < 0, float("-inf"))

    def state_bytes(self, batch: int, length: int) -> int:
        cached = 2 * self.length * self.heads.groups * self.heads.width
        return batch * (cached * self.out.weight.element_size() + 8)

    def flops(self, length: int) -> float:
        linears = 2.0 * length * (self.heads.project.weight.numel() + self.out.weight.numel())
        pairs = length * (length + 1) / 2 if self.causal else length**2
        return linears + 4.0 * pairs * self.out.in_features


def _seen(x: Tensor, lengths: Tensor | None, starts: Tensor | None) -> Tensor | None:
    """(B, 1, 1 or L, L): which keys are real and of the query's own document; None where all are."""
    time = torch.arange(x.shape[1], device=x.device)
    real = None if lengths is None else ~is_padding(x[..., 0], lengths)[:, None, None]
    if starts is None:
        return real
    begin = document_begins(starts)
    own = (begin[:, :, None] == begin[:, None])[:, None]
    # Padding may be a document of its own, and a query without any key has no answer.
    return own if real is None else own & (real | (time[:, None] == time))
