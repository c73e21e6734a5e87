"""Softmax attention over a sliding window (Longformer, arXiv 2004.05150; Mistral, arXiv 2310.06825)."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from seqlab.kernels.attention import attention
from seqlab.kernels.attention.reference import attention_weights
from seqlab.kernels.window_attention import window_attention
from seqlab.kernels.window_attention.reference import window_bias
from seqlab.mixers import Mixer, SequenceMixer, State, fresh_position
from seqlab.mixers.shared.recollection import Recollection
from seqlab.nn.attention_laws import AttentionLaws
from seqlab.nn.heads import Heads, Position, alibi_slopes
from seqlab.nn.inits import residual
from seqlab.nn.linear import Linear
from seqlab.nn.norms import Norm
from seqlab.nn.ring import Ring
from seqlab.nn.rows import document_begins, last_position, positions_in_document, positions_seen
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
    sinks: int = Field(default=0, ge=0)
    """How many first positions of the document are seen from everywhere in it, as far away as they are (attention
    sinks, arXiv 2309.17453)."""
    memory: Mixer | None = None
    """A causal mixer that remembers what the window does not see. Queries, keys and values are made of rms([x, s])
    with s = memory(W rms(x)), the norms without weights (randomekek/sequence, June 2024, with a DLN)."""
    memory_dim: int = Field(default=64, ge=1)
    """Number of features of s; only with a memory."""
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
    bias: bool = False
    """Whether the linears have biases."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of attention weights dropped in training."""
    laws: AttentionLaws = AttentionLaws()
    """Laws of queries, keys, values and the linear behind the heads, where they are not the model's."""

    def build(self, *, dim: int, length: int) -> SlidingAttention:
        return SlidingAttention(self, dim, length)


class SlidingAttention(SequenceMixer):
    """State: `keys` and `values` (B, sinks + window, G, E), laid out by `Ring`; a memory's state behind `memory/`.

    Positions count from the beginning of the document.
    """

    causal = True

    def __init__(self, spec: Window, dim: int, length: int) -> None:
        super().__init__()
        self.ring, self.dropout = Ring(spec.window, spec.sinks), spec.dropout
        self.alibi, self.alibi_span = spec.position == "alibi", spec.alibi_span
        self.recollection = Recollection(spec.memory, dim, spec.memory_dim, length) if spec.memory else None
        self.heads = Heads(
            dim, spec.heads, spec.kv_heads, spec.position, spec.rotary_base, spec.qk_norm, spec.bias,
            inputs=dim + spec.memory_dim if spec.memory else dim,
        )  # fmt: skip
        self.out = residual(Linear(dim, dim, bias=spec.bias))
        spec.laws.mark(self.heads.project, self.out, self.heads.queries_and_keys)
        memory = self.recollection.memory if self.recollection is not None else None
        self.max_length = memory.max_length if memory is not None else None
        self.resets = memory.resets if memory is not None else True
        self.reach = None if spec.sinks or memory is not None else spec.window

    def reset_parameters(self) -> None:
        self.heads.reset_parameters()
        self.out.reset_parameters()
        if self.recollection is not None:
            self.recollection.reset_parameters()

    def param_groups(self) -> list[dict[str, Any]]:
        return [] if self.recollection is None else self.recollection.param_groups()

    def forward(self, x: Tensor, lengths: Tensor | None = None, starts: Tensor | None = None) -> Tensor:
        self.check(x, lengths, starts)
        seen = x if self.recollection is None else self.recollection(x, lengths, starts)
        return self._attend(seen, starts)[0]

    def _attend(self, x: Tensor, starts: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        # Right padding lies in the future of every real position and needs no mask.
        q, k, v = self.heads(x, positions_in_document(x, starts))
        y = window_attention(
            q, k, v,
            window=self.ring.window,
            sinks=self.ring.sinks,
            begins=None if starts is None else document_begins(starts),
            slopes=alibi_slopes(self.heads.heads, self.alibi_span, x) if self.alibi else None,
            dropout=self.dropout * self.training,
        )  # fmt: skip
        return self.out(y.flatten(2)), k, v

    def attention_weights(self, x: Tensor) -> Tensor:
        seen = x if self.recollection is None else self.recollection(x, None, None)
        q, k, _ = self.heads(seen, positions_in_document(x, None))
        slopes = alibi_slopes(self.heads.heads, self.alibi_span, x) if self.alibi else None
        bias = window_bias(q, window=self.ring.window, sinks=self.ring.sinks, slopes=slopes)
        return attention_weights(q, k, bias=bias)

    def prefill(self, x: Tensor, lengths: Tensor | None = None, starts: Tensor | None = None) -> tuple[Tensor, State]:
        self.check(x, lengths, starts)
        memory: State = {}
        seen = x
        if self.recollection is not None:
            seen, memory = self.recollection.prefill(x, lengths, starts)
        y, k, v = self._attend(seen, starts)
        position = positions_seen(x, lengths, starts)
        held = self.ring.held(position - 1)
        begin = last_position(x, lengths) + 1 - position
        rows, source = torch.arange(len(x), device=x.device)[:, None], begin[:, None] + held.clamp(min=0)
        empty = (held < 0)[..., None, None]
        keys, values = (t[rows, source].masked_fill(empty, 0) for t in (k, v))
        return y, {"keys": keys, "values": values, "position": position} | memory

    def init_state(self, batch: int) -> State:
        weight = self.out.weight
        shape = (batch, self.ring.slots, self.heads.groups, self.heads.width)
        memory = {} if self.recollection is None else self.recollection.init_state(batch)
        return {
            "keys": weight.new_zeros(shape),
            "values": weight.new_zeros(shape),
            "position": fresh_position(batch, weight.device),
        } | memory

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        self.check_state(x_t, state)
        position, keys, values = state["position"], state["keys"], state["values"]
        seen = x_t
        if self.recollection is not None:
            seen, memory = self.recollection.step(x_t, state)
            state.update(memory)
        q, k, v = self.heads(seen[:, None], position[:, None])
        rows, slot = torch.arange(len(position), device=position.device), self.ring.slot(position)
        keys[rows, slot], values[rows, slot] = k[:, 0], v[:, 0]
        y = attention(q, keys, values, bias=self._step_bias(position, x_t))
        state["position"] = position + 1
        return self.out(y.flatten(1)), state

    def _step_bias(self, position: Tensor, x_t: Tensor) -> Tensor:
        """(B, 1 or H, 1, slots): which slots a row sees, and how far they are."""
        held = self.ring.held(position)[:, None, None]
        if not self.alibi:
            return held >= 0
        distance = position[:, None, None, None] - held
        bias = -alibi_slopes(self.heads.heads, self.alibi_span, x_t)[:, None, None] * distance
        return bias.masked_fill(held < 0, float("-inf"))

    def state_bytes(self, batch: int, length: int) -> int:
        cached = 2 * self.ring.slots * self.heads.groups * self.heads.width
        memory = 0 if self.recollection is None else self.recollection.memory.state_bytes(batch, length)
        return batch * (cached * self.out.weight.element_size() + 8) + memory

    def flops(self, length: int) -> float:
        linears = 2.0 * length * (self.heads.project.weight.numel() + self.out.weight.numel())
        full = min(length, self.ring.slots)
        pairs = full * (full + 1) / 2 + (length - full) * self.ring.slots
        memory = 0.0 if self.recollection is None else self.recollection.flops(length)
        return linears + 4.0 * pairs * self.out.in_features + memory
