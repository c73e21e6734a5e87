"""The matrix LSTM in chunks: attention inside a chunk, and a memory that is carried from chunk to chunk (TFLA, arXiv
2503.14376). All chunks are computed at once, in batched products; only the memory goes through a loop over chunks.

The normaliser n is the memory of a value that is always 1, so v carries a column of ones and C and n are one matrix.
A chunk as long as the input is the parallel form. The stabiliser m is differentiated like everything else: h depends
on it through eps, and the last memory through its scale.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from seqlab.kernels.mlstm.output import InputGate, normalise

__all__ = ["mlstm_chunkwise"]


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
    """The reference's function from a given state. Positions that do not fill a chunk make a shorter one."""
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
        queries = queries * q.shape[-1] ** -0.5
        begins = None if starts is None else _chunked(starts[:, part, None], size)
        logs = _log_weights(_chunked(written[:, part], size), _chunked(kept[:, part], size), begins)
        values = F.pad(values, (0, 1), value=1.0)
        memories, stabilisers = _carry(keys, values, logs, memory, m, stabilised)
        answer, m_t = _answer(queries, keys, values, logs, memories[..., :-1, :, :], stabilisers[..., :-1], stabilised)
        memory, m = memories[..., -1, :, :], stabilisers[..., -1]
        outputs.append(normalise(answer, m_t.to(wide), gate, normalised, eps).flatten(2, 3).transpose(1, 2))
    return torch.cat(outputs, dim=1), memory[..., :-1], memory[..., -1], m.to(wide)


def _parts(length: int, chunk: int) -> Iterator[tuple[slice, int]]:
    """What is cut into chunks of one size: the whole chunks, then the rest."""
    whole = length - length % chunk
    if whole:
        yield slice(0, whole), chunk
    if whole < length:
        yield slice(whole, length), length - whole


def _chunked(x: Tensor, size: int) -> Tensor:
    """(b, l, h, ...) -> (b, h, chunks, size, ...)."""
    chunks: Tensor = x.unflatten(1, (-1, size))
    return chunks.movedim(3, 1).contiguous()


class _LogWeights(NamedTuple):
    """Logarithms of the gates' products; a document inside a chunk begins with an empty memory and m = 0."""

    since: Tensor
    """(b, h, chunks, size): the forget gates from the chunk's or the document's begin, the own one included."""
    pairs: Tensor
    """(b, h, chunks, size, size): the weight of input s in output t, -inf where t does not see s."""
    kept: Tensor
    """(b, h, chunks, size): the weight of each input in the memory at the chunk's end, -inf where it is forgotten."""
    carried: Tensor | None
    """(b, 1, chunks, size) bool: whether a position sees what came before the chunk; none: all do."""


def _log_weights(written: Tensor, kept: Tensor, begins: Tensor | None) -> _LogWeights:
    since = kept.cumsum(-1)
    time = torch.arange(kept.shape[-1], device=kept.device)
    seen, carried = time[:, None] >= time, None
    if begins is not None:
        begin = torch.where(begins, time, -1).cummax(-1).values
        carried, seen = begin < 0, seen & (begin[..., :, None] == begin[..., None, :])
        before = (since - kept).gather(-1, begin.clamp(min=0).expand_as(since))
        since = since - before.masked_fill(carried, 0)
    pairs = since[..., :, None] + (written - since)[..., None, :]
    pairs = pairs.masked_fill(~seen, -math.inf)
    return _LogWeights(since, pairs, pairs[..., -1, :], carried)


def _carry(
    k: Tensor, v: Tensor, logs: _LogWeights, memory: Tensor, m: Tensor, stabilised: bool
) -> tuple[Tensor, Tensor]:
    """The memories (b, h, chunks + 1, d, e + 1) and stabilisers (b, h, chunks + 1) before each chunk and at the end."""
    most = logs.kept.amax(-1) if stabilised else torch.zeros_like(logs.kept[..., 0])
    news = (k * _exp(logs.kept - most[..., None], k)[..., None]).mT @ v
    continues = None if logs.carried is None else logs.carried[..., -1]
    memories, stabilisers = [memory], [m]
    # unbind, not an index: the gradient of an index is as large as the whole.
    chunks = zip(news.unbind(2), logs.since[..., -1].unbind(2), most.unbind(2), strict=True)
    for chunk, (new, decay, high) in enumerate(chunks):
        old = decay + (m if continues is None else m * continues[..., chunk])
        m = torch.maximum(old, high) if stabilised else torch.zeros_like(m)
        factor = _exp(old - m, memory) if continues is None else _exp(old - m, memory) * continues[..., chunk]
        memory = factor[..., None, None] * memory + _exp(high - m, memory)[..., None, None] * new
        memories.append(memory)
        stabilisers.append(m)
    return torch.stack(memories, dim=2), torch.stack(stabilisers, dim=2)


def _answer(
    q: Tensor, k: Tensor, v: Tensor, logs: _LogWeights, memory: Tensor, m: Tensor, stabilised: bool
) -> tuple[Tensor, Tensor]:
    """What the memory answers to each query, (b, h, chunks, size, e + 1), and its stabiliser (b, h, chunks, size)."""
    before = m[..., None] if logs.carried is None else torch.where(logs.carried, m[..., None], 0)
    old = logs.since + before
    m_t = torch.maximum(old, logs.pairs.amax(-1)) if stabilised else torch.zeros_like(old)
    factor = _exp(old - m_t, q)
    if logs.carried is not None:
        factor = factor.masked_fill(~logs.carried, 0)
    scores = (q @ k.mT) * _exp(logs.pairs - m_t[..., None], q)
    return scores @ v + factor[..., None] * (q @ memory), m_t


def _exp(logarithm: Tensor, like: Tensor) -> Tensor:
    return logarithm.to(like.dtype).exp()
