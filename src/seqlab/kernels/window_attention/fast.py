"""Window attention in blocks: every block of queries attends to its own keys, the window before it, and the sinks.

The cost is proportional to length x (block + window + sinks), and the blocks are about as large as the window.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from seqlab.kernels.attention import attention

__all__ = ["window_attention_blocks"]

LEAST_BLOCK = 32  # smaller blocks lose more to the overhead of a block than they save in scores


def window_attention_blocks(
    q: Float[Tensor, "b l h d"],
    k: Float[Tensor, "b l g d"],
    v: Float[Tensor, "b l g d"],
    *,
    window: int,
    sinks: int = 0,
    begins: Int[Tensor, "#b l"] | None = None,
    slopes: Float[Tensor, " h"] | None = None,
    dropout: float = 0.0,
) -> Float[Tensor, "b l h d"]:
    """The reference's function, with dropout on the weights."""
    batch, length = q.shape[:2]
    blocks = _Blocks(length, min(max(window, LEAST_BLOCK), length), window)
    begin = blocks.of(q.new_zeros(1, length, dtype=torch.int64) if begins is None else begins)
    sink = begin[:, :, :1] + torch.arange(sinks, device=q.device)
    bias = blocks.bias(begin, sink, slopes)
    y = attention(
        blocks.of(q).flatten(0, 1),
        blocks.seen_of(k, sink).flatten(0, 1),
        blocks.seen_of(v, sink).flatten(0, 1),
        bias=bias.expand(batch, *bias.shape[1:]).flatten(0, 1),
        dropout=dropout,
    )
    in_row: Tensor = y.unflatten(0, (batch, -1)).flatten(1, 2)
    return in_row[:, :length]


@dataclass(frozen=True)
class _Blocks:
    """How `length` positions are cut into n blocks of `size`, the last one filled up.

    A block's span is its own positions behind the window - 1 before them. A document that reaches from before a span
    into its block holds the block's first query, so the sinks of that one document are all that a span can lack.
    """

    length: int
    size: int
    window: int

    @property
    def count(self) -> int:
        """n."""
        return -(-self.length // self.size)

    @property
    def before(self) -> int:
        """How many positions of a span lie before its block."""
        return self.window - 1 if self.count > 1 else 0

    def of(self, x: Tensor) -> Tensor:
        """(b, l, ...) -> (b, n, size, ...)."""
        missing = self.count * self.size - self.length
        filled: Tensor = F.pad(x, (0, 0) * (x.ndim - 2) + (0, missing))
        return filled.view(len(x), self.count, self.size, *x.shape[2:])

    def seen_of(self, x: Tensor, sink: Tensor) -> Tensor:
        """(b, l, g, d) -> (b, n, sinks + span, g, d): what the queries of each block may see."""
        own = self.of(x)
        parts = [F.pad(own[:, :-1, self.size - self.before :], (0, 0, 0, 0, 0, 0, 1, 0)), own]
        if sink.shape[2]:
            rows = torch.arange(len(x), device=x.device)[:, None, None]
            parts.insert(0, x[rows, sink.clamp(max=self.length - 1)])
        return torch.cat(parts, dim=2)

    def bias(self, begin: Tensor, sink: Tensor, slopes: Tensor | None) -> Tensor:
        """(1 or b, n, 1 or h, size, sinks + span): which keys a block's queries see, and how far they are.

        begin (1 or b, n, size): where each query's document begins; sink (1 or b, n, sinks): the sinks' positions.
        """
        sinks = sink.shape[2]
        first = torch.arange(self.count, device=begin.device)[:, None] * self.size
        query = (first + torch.arange(self.size, device=begin.device))[..., None]
        span = first + torch.arange(-self.before, self.size, device=begin.device)
        key = torch.cat([sink, span.expand(len(sink), -1, -1)], dim=2)[:, :, None]
        distance, begin = query - key, begin[..., None]
        seen = (distance >= 0) & (key >= begin) & ((distance < self.window) | (key - begin < sinks))
        seen[..., :sinks] &= key[..., :sinks] < span[:, None, :1]  # the others stand in the span as well
        if slopes is None:
            return seen[:, :, None]
        return (-slopes[:, None, None] * distance[:, :, None]).masked_fill(~seen[:, :, None], float("-inf"))
