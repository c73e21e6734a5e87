"""The matrix LSTM in chunks on a GPU (TFLA, arXiv 2503.14376): a walk carries the memory from chunk to chunk, then all
chunks answer at once.

The gradients are the same two kernels: a walk from the end carries the gradient of the memory, and a chunk answers for
queries, keys and values with their parts exchanged. The normaliser n is the memory of a value that is always 1.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
import triton
import triton.language as tl
from jaxtyping import Bool, Float
from torch import Tensor

from seqlab.kernels.mlstm.log_weights import log_weights
from seqlab.kernels.mlstm.output import InputGate, normalise
from seqlab.kernels.once import once_differentiable

__all__ = ["mlstm_triton"]

BLOCK = 64
"""Features of a program, at most."""
LEAST_CHUNK = 16  # a GPU multiplies no smaller matrices
LARGEST_CHUNK = 64  # the weights of a larger one do not fit the registers


def mlstm_triton(
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
    """The reference's function from a given state, in float32 or narrower; the chunk is the next power of two."""
    c, n, m = (x.float() for x in state)
    logs = log_weights(input_gate, forget_gate, m, starts, gate)
    size = min(max(triton.next_power_of_2(chunk), LEAST_CHUNK), LARGEST_CHUNK)
    width = v.shape[-1]
    values, memory = _aligned(F.pad(v, (0, 1), value=1.0)), _aligned(torch.cat([c, n[..., None]], dim=-1))
    answers, memory = _Chunks.apply(q, k, values, memory, logs.reading, logs.writing, logs.documents, size)
    answers = answers[..., : width + 1] * q.shape[-1] ** -0.5
    h = normalise(answers, logs.m.float(), gate, normalised, eps)
    return h, memory[..., :width], memory[..., width], logs.m[:, -1].float()


def _aligned(x: Tensor) -> Tensor:
    """Zeros behind the last features: a GPU reads sixteen at a time."""
    filled: Tensor = F.pad(x, (0, -x.shape[-1] % 16))
    return filled


class _Chunks(torch.autograd.Function):
    """Everything is linear in what is read and written, so that the gates' gradients are products with q and with k."""

    @staticmethod
    def forward(
        ctx: Any, q: Tensor, k: Tensor, v: Tensor, memory: Tensor, *logs_and_size: Any
    ) -> tuple[Tensor, Tensor]:
        reading, writing, documents, size = logs_and_size
        q, k, v = q.contiguous(), k.contiguous(), v.contiguous()
        arriving, leaving = _edges(reading, writing, documents, size)
        logs = reading[:, 1:].contiguous(), writing.contiguous(), documents[:, 1:].contiguous()
        memories, last = _carry(k, v, leaving, arriving, memory, size, back=False)
        answers = _answer(q, k, v, arriving, memories, logs, size, back=False)
        ctx.save_for_backward(q, k, v, arriving, leaving, memories, last, *logs)
        ctx.size = size
        return answers, last

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, arriving, leaving, memories, last, *logs = ctx.saved_tensors
        grad, size = grads[0].contiguous(), ctx.size
        changes, by_memory = _carry(q, grad, arriving, arriving, grads[1], size, back=True)
        by_q = _answer(grad, v, k, arriving, memories.mT, logs, size, back=False)
        by_k = _answer(v, grad, q, leaving, changes.mT, logs, size, back=True)
        by_v = _answer(k, q, grad, leaving, changes, logs, size, back=True)
        by_reading = F.pad((by_q * q).sum(-1).double(), (0, 0, 1, 0))
        by_reading[:, 0] = -(by_memory * memories[:, :, 0]).sum((-2, -1))
        by_reading[:, -1] += (grads[1] * last).sum((-2, -1))
        by_writing = (by_k * k).sum(-1).double()
        return by_q.to(q.dtype), by_k.to(k.dtype), by_v.to(v.dtype), by_memory, by_reading, by_writing, None, None


def _edges(reading: Tensor, writing: Tensor, documents: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """(b, l, h), twice: the weight of the memory before a chunk in each of its answers, and of each input in the memory
    behind the chunk; zero across documents."""
    time = torch.arange(writing.shape[1], device=writing.device)
    before = time // size * size
    behind = (before + size).clamp(max=len(time))

    def weight(logs: Tensor, edge: Tensor) -> Tensor:
        elsewhere = documents[:, 1:] != documents[:, edge]
        return logs.masked_fill(elsewhere[..., None], -torch.inf).exp().float()

    return weight(reading[:, 1:] - reading[:, before], before), weight(reading[:, behind] + writing, behind)


def _carry(
    x: Tensor, y: Tensor, weight: Tensor, arriving: Tensor, first: Tensor, size: int, *, back: bool
) -> tuple[Tensor, Tensor]:
    """The memory that each chunk meets, (b, h, chunks, d, e), and the one behind the last."""
    batch, length, heads, width = x.shape
    memories = first.new_empty(batch, heads, triton.cdiv(length, size), width, y.shape[-1])
    last = torch.empty_like(first, memory_format=torch.contiguous_format)
    blocks = _block(width), _block(y.shape[-1])
    _carry_kernel[batch * heads, triton.cdiv(width, blocks[0]), triton.cdiv(y.shape[-1], blocks[1])](
        x, y, weight, arriving, first.contiguous(), memories, last, length,
        HEADS=heads, X=width, Y=y.shape[-1], SIZE=size, X_BLOCK=blocks[0], Y_BLOCK=blocks[1], BACK=back,
        PRECISION=_precision(x, y), num_warps=8, num_stages=1,
    )  # fmt: skip
    return memories, last


def _answer(
    x: Tensor, y: Tensor, z: Tensor, edge: Tensor, memories: Tensor, logs: Any, size: int, *, back: bool
) -> Tensor:
    """(weights * x y') z + edge * (x memories), float32: what each position hears from earlier ones, or from later."""
    batch, length, heads, width = x.shape
    reading, writing, documents = logs
    answer = torch.empty_like(z, dtype=torch.float32)
    blocks = _block(width), _block(z.shape[-1])
    _answer_kernel[triton.cdiv(z.shape[-1], blocks[1]), triton.cdiv(length, size), batch * heads](
        x, y, z, edge, memories, *((writing, reading) if back else (reading, writing)), documents, answer, length,
        memories.stride(-2), memories.stride(-1),
        HEADS=heads, X=width, Z=z.shape[-1], SIZE=size, X_BLOCK=blocks[0], Z_BLOCK=blocks[1], BACK=back,
        PRECISION=_precision(x, y, z), num_warps=8, num_stages=1,
    )  # fmt: skip
    return answer


def _block(width: int) -> int:
    padded: int = triton.next_power_of_2(width)
    return min(max(padded, 16), BLOCK)


def _precision(*tensors: Tensor) -> str:
    """Where something is bfloat16, products of ten bits lose nothing that counts."""
    return "ieee" if all(x.dtype == torch.float32 for x in tensors) else "tf32"


@triton.jit
def _tile(x, position, here, feature, WIDTH: tl.constexpr):
    """(positions, features) of one head, zeros outside."""
    at = position[:, None] * WIDTH + feature
    return tl.load(x + at, here[:, None] & (feature < WIDTH), other=0.0).to(tl.float32)


@triton.jit
def _carry_kernel(
    x, y, weight, arriving, first, memories, last, length,
    HEADS: tl.constexpr, X: tl.constexpr, Y: tl.constexpr, SIZE: tl.constexpr,
    X_BLOCK: tl.constexpr, Y_BLOCK: tl.constexpr, BACK: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64)
    begin, head = row // HEADS * length, row % HEADS
    i, j = tl.program_id(1) * X_BLOCK + tl.arange(0, X_BLOCK), tl.program_id(2) * Y_BLOCK + tl.arange(0, Y_BLOCK)
    entry, inside = i[:, None] * Y + j, (i < X)[:, None] & (j < Y)
    memory = tl.load(first + row * X * Y + entry, inside, other=0.0)
    chunks = tl.cdiv(length, SIZE)
    for step in range(chunks):
        chunk = chunks - 1 - step if BACK else step
        tl.store(memories + (row * chunks + chunk) * X * Y + entry, memory, inside)
        time = chunk * SIZE + tl.arange(0, SIZE)
        position, here = (begin + time) * HEADS + head, time < length
        xs, ys = _tile(x, position, here, i, X), _tile(y, position, here, j, Y)
        xs *= tl.load(weight + position, here, other=0.0)[:, None]
        end = tl.minimum(chunk * SIZE + SIZE, length) - 1
        memory *= tl.load(arriving + (begin + end) * HEADS + head)
        memory += tl.dot(tl.trans(xs), ys, input_precision=PRECISION)
    tl.store(last + row * X * Y + entry, memory, inside)


@triton.jit
def _answer_kernel(
    x, y, z, edge, memories, own_logs, their_logs, documents, answer, length, stride_i, stride_j,
    HEADS: tl.constexpr, X: tl.constexpr, Z: tl.constexpr, SIZE: tl.constexpr,
    X_BLOCK: tl.constexpr, Z_BLOCK: tl.constexpr, BACK: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    chunk, row = tl.program_id(1), tl.program_id(2).to(tl.int64)
    begin, head = row // HEADS * length, row % HEADS
    j = tl.program_id(0) * Z_BLOCK + tl.arange(0, Z_BLOCK)
    time = chunk * SIZE + tl.arange(0, SIZE)
    position, here = (begin + time) * HEADS + head, time < length
    memory = memories + (row * tl.cdiv(length, SIZE) + chunk) * X * Z
    scores, carried = tl.zeros([SIZE, SIZE], tl.float32), tl.zeros([SIZE, Z_BLOCK], tl.float32)
    for first in range(0, X, X_BLOCK):
        i = first + tl.arange(0, X_BLOCK)
        xs, ys = _tile(x, position, here, i, X), _tile(y, position, here, i, X)
        entries = memory + i[:, None] * stride_i + j * stride_j
        met = tl.load(entries, (i < X)[:, None] & (j < Z), other=0.0)
        scores += tl.dot(xs, tl.trans(ys), input_precision=PRECISION)
        carried += tl.dot(xs, met, input_precision=PRECISION)
    own, their = tl.load(own_logs + position, here, other=0.0), tl.load(their_logs + position, here, other=0.0)
    document = tl.load(documents + begin + time, here, other=-1)
    seen = (time[:, None] <= time) if BACK else (time[:, None] >= time)
    seen = seen & (document[:, None] == document) & here[:, None] & here
    logs = tl.where(seen, own[:, None] + their, -float("inf"))
    scores *= tl.exp(logs.to(tl.float32))
    heard = tl.dot(scores, _tile(z, position, here, j, Z), input_precision=PRECISION)
    heard += carried * tl.load(edge + position, here, other=0.0)[:, None]
    tl.store(answer + position[:, None] * Z + j, heard, here[:, None] & (j < Z))
