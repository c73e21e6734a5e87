"""The matrix LSTM in chunks: attention inside a chunk, and a memory that goes from chunk to chunk (TFLA, arXiv
2503.14376), all chunks at once in batched products.

What reaches the end of a chunk is again a sequence, one input a chunk, under the same recurrence; so the memories
before all chunks are one more product, and only groups of `GROUP` chunks follow each other in a loop. The normaliser
n is the memory of a value that is always 1, so v carries a column of ones, and C and n are one matrix. A chunk as
long as the input is the parallel form.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from seqlab.kernels.mlstm.output import InputGate, normalise

__all__ = ["mlstm_chunkwise"]

GROUP = 64
"""Chunks that are computed at once."""


def mlstm_chunkwise(
    q: Float[Tensor, "b l h d"],
    k: Float[Tensor, "b l h d"],
    v: Float[Tensor, "b l h e"],
    input_gate: Float[Tensor, "b l h"],
    forget_gate: Float[Tensor, "b l h"],
    state: tuple[Float[Tensor, "b h d e"], Float[Tensor, "b h d"], Float[Tensor, "b h"]],
    starts: Bool[Tensor, "b l"] | None = None,
    *,
    chunk: int,
    gate: InputGate = "exponential",
    normalised: bool = True,
    eps: float = 1e-6,
) -> tuple[Float[Tensor, "b l h e"], Float[Tensor, "b h d e"], Float[Tensor, "b h d"], Float[Tensor, "b h"]]:
    """The reference's function from a given state. The last of several chunks is filled up with positions at which
    nothing is written or forgotten: a shorter one by itself would be another pass of as many operations.

    The stabiliser m has its share of it: h depends on m through eps, C through its scale.
    """
    wide = torch.promote_types(q.dtype, torch.float32)
    stabilised = gate == "exponential"
    c, n, m = (x.to(wide) for x in state)
    memory, m = torch.cat([c, n[..., None]], dim=-1), m.double() if stabilised else torch.zeros_like(m).double()
    # Logarithms are summed in float64: their differences would lose digits in a long chunk.
    written = (input_gate.to(wide) if stabilised else F.logsigmoid(input_gate.to(wide))).double()
    kept = F.logsigmoid(forget_gate.to(wide)).double()
    outputs = []
    for part, size in _parts(q.shape[1], chunk):
        queries, keys, values = (_chunked(x[:, part].to(wide), size) for x in (q, k, v))
        begins = None if starts is None else _chunked(starts[:, part, None], size)
        inside = _logs(_chunked(written[:, part], size, -torch.inf), _chunked(kept[:, part], size), begins, stabilised)
        values = F.pad(values, (0, 1), value=1.0)
        memories, stabilisers = _memories(keys, values, inside, memory, m)
        weights = _weights(inside, torch.cat([m[..., None], stabilisers[..., :-1]], dim=-1), wide)
        queries = queries * q.shape[-1] ** -0.5
        answer = ((queries @ keys.mT) * weights.pairs) @ values
        before = torch.cat([memory[:, :, None], memories[:, :, :-1]], dim=2)
        answer = torch.addcmul(answer, weights.old[..., None], queries @ before)
        memory, m = memories[:, :, -1], stabilisers[..., -1]
        outputs.append(normalise(answer, weights.m.to(wide), gate, normalised, eps).flatten(2, 3).transpose(1, 2))
    return torch.cat(outputs, dim=1)[:, : q.shape[1]], memory[..., :-1], memory[..., -1], m.to(wide)


def _parts(length: int, chunk: int) -> Iterator[tuple[slice, int]]:
    """What is cut into chunks of one size, in groups."""
    size = min(chunk, length)
    for begin in range(0, length, GROUP * size):
        yield slice(begin, begin + GROUP * size), size


def _chunked(x: Tensor, size: int, value: float = 0.0) -> Tensor:
    """(b, l, h, ...) -> (b, h, chunks, size, ...), the last chunk filled up with the value."""
    padding = -x.shape[1] % size
    x = F.pad(x, (0, 0) * (x.ndim - 2) + (0, padding), value=value) if padding else x
    chunks: Tensor = x.unflatten(1, (-1, size))
    return chunks.movedim(3, 1).contiguous()


class _Logs(NamedTuple):
    """Logarithms of what a recurrence over t inputs keeps, in float64 (.., t); a document that begins inside does so
    with an empty memory and m = 0."""

    since: Tensor
    """What is kept from the begin of all inputs, or of the document, to the end of each."""
    source: Tensor
    """since_t + source_s is the weight of input s after input t."""
    highest: Tensor
    """since_t + highest_t is the largest of the weights after input t; -since where nothing is stabilised."""
    seen: Tensor
    """(.., t, t) bool: whether input s is in the memory after input t."""
    carried: Tensor | None
    """(.., t) bool: whether what was there before all inputs still is; none: always."""
    stabilised: bool


def _logs(written: Tensor, kept: Tensor, begins: Tensor | None, stabilised: bool) -> _Logs:
    """Of inputs that are written with a weight, after what was there has been kept with another, (.., t) both."""
    since, carried = kept.cumsum(-1), None
    time = torch.arange(kept.shape[-1], device=kept.device)
    seen = time[:, None] >= time
    if begins is not None:
        begin = torch.where(begins, time, -1).cummax(-1).values
        carried, seen = begin < 0, seen & (begin[..., :, None] == begin[..., None, :])
        before = (since - kept).gather(-1, begin.clamp(min=0).expand_as(since))
        since = since - before.masked_fill(carried, 0)
    source = written - since
    if not stabilised:
        highest = -since
    elif begins is None:
        highest = source.cummax(-1).values
    else:
        highest = source[..., None, :].masked_fill(~seen, -torch.inf).amax(-1)
    return _Logs(since, source, highest, seen, carried, stabilised)


class _Weights(NamedTuple):
    """The weights themselves, divided by exp(m)."""

    pairs: Tensor
    """(.., t, t): of input s after input t."""
    old: Tensor
    """(.., t): of what was there before all inputs."""
    m: Tensor
    """(.., t), in float64."""


def _weights(logs: _Logs, m: Tensor, dtype: torch.dtype) -> _Weights:
    """m (..): the stabiliser of what was there before all inputs."""
    before = m[..., None] if logs.carried is None else torch.where(logs.carried, m[..., None], 0)
    old = logs.since + before
    m_t = torch.maximum(old, logs.since + logs.highest) if logs.stabilised else torch.zeros_like(old)
    factor = (old - m_t).to(dtype).exp()
    if logs.carried is not None:
        factor = factor.masked_fill(~logs.carried, 0)
    pairs: Tensor = _PairWeights.apply(logs.since - m_t, logs.source, logs.seen, dtype)
    return _Weights(pairs, factor, m_t)


def _memories(k: Tensor, v: Tensor, inside: _Logs, memory: Tensor, m: Tensor) -> tuple[Tensor, Tensor]:
    """The memory (b, h, chunks, d, e + 1) and the stabiliser (b, h, chunks) after each chunk."""
    most = inside.since[..., -1] + inside.highest[..., -1]
    ends = (inside.since[..., -1:] + inside.source - most[..., None]).to(k.dtype)
    news = (k * ends.masked_fill(~inside.seen[..., -1, :], -torch.inf).exp()[..., None]).mT @ v
    begins = None if inside.carried is None else ~inside.carried[..., -1]
    weights = _weights(_logs(most, inside.since[..., -1], begins, inside.stabilised), m, k.dtype)
    old = weights.old[..., None, None] * memory[:, :, None]
    return old + (weights.pairs @ news.flatten(3)).view_as(news), weights.m


class _PairWeights(torch.autograd.Function):
    """exp(a_t + b_s) where t sees s, else 0; a and b in float64, the weights in dtype."""

    @staticmethod
    def forward(a: Tensor, b: Tensor, seen: Tensor, dtype: torch.dtype) -> Tensor:
        logarithms = (a[..., :, None] + b[..., None, :]).to(dtype)
        return logarithms.masked_fill_(~seen, -torch.inf).exp_()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        (weights,) = ctx.saved_tensors
        shares = grad * weights
        return shares.sum(-1).double(), shares.sum(-2).double(), None, None
