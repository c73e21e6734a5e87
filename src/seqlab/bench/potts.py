"""Low-rank Potts losses against couplings or products laid out, maps of parameter heads, and cuts of super-batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from seqlab.bench import Options, Row
from seqlab.bench.shared.agreement import difference
from seqlab.bench.shared.memory import peak_bytes
from seqlab.bench.shared.timing import alternate, ratio
from seqlab.channels.mlp import MLP
from seqlab.data.alignments import SIZE
from seqlab.data.families import Collection, Family
from seqlab.kernels.potts_logits import potts_logits
from seqlab.kernels.potts_penalty import potts_penalty
from seqlab.mixers.attention import Attention
from seqlab.models import Block
from seqlab.models.potts import Potts
from seqlab.nn.norms.layernorm import LayerNorm
from seqlab.nn.parameter_heads import HeadWidening
from seqlab.tasks.shared.families import PreparedFamilies
from seqlab.tasks.simulated_families import SimulatedFamilies

__all__ = ["materialised_loss", "measure", "our_loss"]

STRUCTURES, ROWS, HEADS, LENGTH = 2, 16, 48, 128
TOLERANCE = 1e-4
"""Largest difference of values and gradients, as a share of the largest entry, float32 on both sides."""
FASTER, SMALLER = 9.0, 7.0
CPU = torch.device("cpu")

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]


def measure(options: Options) -> list[Row]:
    """Forward and backward passes in float32 on the CPU; memory is what tensors hold at the peak, inputs left out."""
    rounds = 1 if options.quick else 15
    return [*_contests(rounds, 16 if options.quick else LENGTH), *_maps(options.quick), *_cuts(options.quick)]


def our_loss(factors: Tensor, fields: Tensor, letters: Tensor) -> Tensor:
    """The pseudo-likelihood a residue of factors (B, K, N, q), fields (B, N, q), letters (B, M, N)."""
    logits = potts_logits(factors, factors, fields, letters)
    return -logits.log_softmax(-1).gather(3, letters[..., None]).mean()


def materialised_loss(factors: Tensor, fields: Tensor, letters: Tensor) -> Tensor:
    """The same by the formula of the public code (arXiv 2406.11975): the energy of each sequence with each letter put
    at each site, through squares of sums of factors, (B, M, K, N, q) laid out."""
    chosen = torch.nn.functional.one_hot(letters, SIZE).to(factors.dtype)
    own = (factors[:, None] * chosen[:, :, None]).sum(-1)
    put = factors[:, None]
    sums = own.sum(-1)[..., None, None] - own[..., None] + put
    alone = own.square().sum(-1)[..., None, None] - own.square()[..., None] + put.square()
    energies = (sums.square() - alone).sum(2) / 2 + fields[:, None]
    return -energies.log_softmax(-1).gather(3, letters[..., None]).mean()


def _our_penalty(factors: Tensor, *_: Tensor) -> Tensor:
    return potts_penalty(factors, factors).mean()


def _materialised_penalty(factors: Tensor, *_: Tensor) -> Tensor:
    """|J|^2 through the products of all heads at all sites, (B, K, K, N)."""
    products = torch.einsum("bkia,bhia->bkhi", factors, factors)
    return (products.sum(-1).square().sum((1, 2)) - products.square().sum((1, 2, 3))).mean()


def _contests(rounds: int, length: int) -> Iterator[Row]:
    generator = torch.Generator().manual_seed(0)
    factors = 0.2 * torch.randn(STRUCTURES, HEADS, length, SIZE, generator=generator)
    fields = torch.randn(STRUCTURES, length, SIZE, generator=generator)
    letters = torch.randint(SIZE, (STRUCTURES, ROWS, length), generator=generator)

    def call(loss: Loss) -> list[Tensor]:
        leaves = [factors.clone().requires_grad_(), fields.clone().requires_grad_()]
        value = loss(leaves[0], leaves[1], letters)
        value.backward()
        return [value.detach(), *(leaf.grad for leaf in leaves if leaf.grad is not None)]

    where = f"B{STRUCTURES} M{ROWS} K{HEADS} N{length}"
    yield from _beside(f"pseudo-likelihood, {where}", call, our_loss, materialised_loss, rounds, (FASTER, SMALLER))
    yield from _beside(f"penalty, {where}", call, _our_penalty, _materialised_penalty, rounds, (None, None))


def _beside(
    what: str,
    call: Callable[[Loss], list[Tensor]],
    ours: Loss,
    laid_out: Loss,
    rounds: int,
    targets: tuple[float | None, float | None],
) -> Iterator[Row]:
    ways = {"ours": partial(call, ours), "laid out": partial(call, laid_out)}
    error = max(difference(a, b) for a, b in zip(ways["ours"](), ways["laid out"](), strict=True))
    if error > TOLERANCE:
        raise ArithmeticError(f"{what}: both sides must agree, and differ by {error:.1e}")
    times = alternate(ways, rounds=rounds)
    memory = {name: peak_bytes(way, CPU) for name, way in ways.items()}
    yield ratio(times["laid out"], times["ours"]).row(
        what, "x faster than laid out", target=targets[0], more_is_better=True,
        also={f"ms {name}": 1e3 * timing.median for name, timing in times.items()} | {"difference": error},
    )  # fmt: skip
    yield Row(
        what=what, value=memory["laid out"] / memory["ours"], unit="x less memory", target=targets[1],
        more_is_better=True, also={f"MB {name}": size / 1e6 for name, size in memory.items()},
    )  # fmt: skip


def _maps(quick: bool) -> Iterator[Row]:
    """What each form of P holds at the peak of a forward and backward pass, beside the first code's broadcast product
    of a parameter (K, D, D) and vectors, whose backward pass lays out a matrix for each site and head."""
    batch, length, dim, heads = (1, 8, 16, 4) if quick else (2, 64, 128, 24)
    x = torch.randn(batch, length, dim)
    parameter = torch.randn(heads, dim, dim, requires_grad=True)

    def broadcast() -> None:
        given = x.clone().requires_grad_()
        (parameter[None, :, None] @ given[:, None, :, :, None]).relu().sum().backward()
        parameter.grad = None

    def ours(kind: str) -> Callable[[], None]:
        module = HeadWidening(kind, dim, heads)  # type: ignore[arg-type]

        def call() -> None:
            module(x.clone().requires_grad_()).sum().backward()
            module.zero_grad(set_to_none=True)

        return call

    where = f"B{batch} N{length} D{dim} K{heads}"
    yield Row(what=f"P, parameter, broadcast product, {where}", value=peak_bytes(broadcast, CPU) / 1e6, unit="MB")
    for kind in ("parameter", "linear", "linear_bias", "mlp"):
        yield Row(what=f"P, {kind}, one product, {where}", value=peak_bytes(ours(kind), CPU) / 1e6, unit="MB")


def _cuts(quick: bool) -> Iterator[Row]:
    """One super-batch of structures of very different lengths, as one part, as equal parts and sorted by a budget."""
    lengths = [5, 9, 4, 12] if quick else [40, 400, 60, 90, 45, 150, 55, 200, 70, 50, 110, 48, 65, 80, 300, 75]
    draws = np.random.default_rng(0)
    families = tuple(
        Family(
            str(place),
            draws.standard_normal((n, 32), dtype=np.float32),
            draws.integers(0, SIZE, (8, n), dtype=np.uint8),
        )
        for place, n in enumerate(lengths)
    )
    task = PreparedFamilies(SimulatedFamilies(sequences=8), Collection(families, families), {})
    block = Block(mixer=Attention(causal=False), channel=MLP(), norm=LayerNorm(), placement="post")
    model = Potts(dim=64, layers=(block,) * 2, heads=16).build(task.signature)
    batch = task.batch(0, 0, len(lengths))

    def step(count: int, memory_mb: float | None) -> Callable[[], None]:
        def call() -> None:
            task.spec = replace(task.spec, memory_mb=memory_mb)
            for part in task.parts(batch, count, model):
                task.loss(model, part)[0].div(part.scored).backward()
            model.zero_grad(set_to_none=True)

        return call

    budget = task._footprint(model).bytes(1, max(lengths), 8) / 1e6
    ways = {
        "padded, 1 part": step(1, None),
        "4 equal parts": step(4, None),
        f"sorted, {budget:.0f} MB": step(1, budget),
    }
    times = alternate(ways, rounds=1 if quick else 5)
    for name, timing in times.items():
        yield timing.row(
            f"{len(lengths)} structures of {min(lengths)} to {max(lengths)}, {name}", "ms a step", scale=1e3,
            also={"MB at the peak": peak_bytes(ways[name], CPU) / 1e6},
        )  # fmt: skip
