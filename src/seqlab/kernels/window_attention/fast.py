"""Window attention in blocks: every block of queries attends to its own block of keys and the one before.

The cost is proportional to length x block, and the blocks are as small as the window allows.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from seqlab.kernels.attention.fast import attention_fused

__all__ = ["window_attention_blocks"]

LEAST_BLOCK = 32  # smaller blocks lose more to the overhead of a block than they save in scores


def window_attention_blocks(
    q: Float[Tensor, "b l h d"],
    k: Float[Tensor, "b l g d"],
    v: Float[Tensor, "b l g d"],
    *,
    window: int,
    slopes: Float[Tensor, " h"] | None = None,
    dropout: float = 0.0,
) -> Float[Tensor, "b l h d"]:
    """The reference's function, with dropout on the weights."""
    batch, length, heads, width = q.shape
    block = max(window - 1, LEAST_BLOCK)
    blocks = -(-length // block)
    q, k, v = (F.pad(t, (0, 0, 0, 0, 0, blocks * block - length)) for t in (q, k, v))
    bias = _bias(blocks, block, window, slopes, q)
    y = attention_fused(
        q.reshape(batch * blocks, block, heads, width),
        _with_previous(k, block),
        _with_previous(v, block),
        bias=bias.expand(batch, *bias.shape).flatten(0, 1),
        dropout=dropout,
    )
    return y.reshape(batch, blocks * block, heads, width)[:, :length]


def _with_previous(x: Tensor, block: int) -> Tensor:
    """(b, n * block, g, d) -> (b * n, 2 * block, g, d): each block behind the one before it."""
    own = x.unflatten(1, (-1, block))
    previous = F.pad(own[:, :-1], (0, 0, 0, 0, 0, 0, 1, 0))
    return torch.cat([previous, own], dim=2).flatten(0, 1)


def _bias(blocks: int, block: int, window: int, slopes: Tensor | None, like: Tensor) -> Tensor:
    """(n, 1 or h, block, 2 * block): which keys a block's queries see, and how far they are."""
    query = torch.arange(block, device=like.device)[:, None]
    key = torch.arange(-block, block, device=like.device)
    distance = query - key
    seen = ((distance >= 0) & (distance < window)).repeat(blocks, 1, 1, 1)
    seen[0] &= key >= 0  # nothing lies before the first block
    if slopes is None:
        return seen
    return (-slopes[:, None, None] * distance).masked_fill(~seen, float("-inf"))
