"""One optimiser step of every member, read downwards; it is that of `seqlab.train.step`, for many at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from seqlab.tasks import Batch
from seqlab.train.interventions import Metrics, measure_probes, remember_weights
from seqlab.train.packed.dropout import begin_streams
from seqlab.train.packed.pack import Pack
from seqlab.train.packed.program import Passes
from seqlab.train.packed.update import FusedUpdate, Gradients, clip, give, updated_alone
from seqlab.train.step import advance

__all__ = ["packed_passes", "packed_step"]


def packed_step(pack: Pack) -> list[Metrics]:
    """Forward, backward, update of all; returns each member's `train/...`."""
    with pack.shares("data"):
        batches = [t.next_batch() for t in pack.members]
    with pack.shares("passes"):
        metrics, gradients = _passes(pack, batches)
    rows = list(zip(*(_rows(gradient, len(batches)) for gradient in gradients), strict=True))
    for t, values, own in zip(pack.members, metrics, rows, strict=True):
        if any(probe.phase == "before_update" for probe in t.experiment.probes):
            give(t, pack.trained, own)
            values |= measure_probes(t, "before_update", t.step + 1)
        remember_weights(t, t.step + 1)
    with pack.shares("optimiser"):
        _update(pack, gradients, rows, metrics)
    for t, batch in zip(pack.members, batches, strict=True):
        advance(t, batch)
    return metrics


def _passes(pack: Pack, batches: Sequence[Batch]) -> tuple[list[Metrics], list[Tensor | None]]:
    """The metrics of every member's passes, and the gradients of the stacks, over all parts of the batches."""
    count = pack.members[0].experiment.batch.accumulate
    scored = torch.tensor([batch.scored for batch in batches], dtype=torch.float64, device=pack.members[0].device)
    sums: dict[str, Tensor] = {}
    total: list[Tensor | None] = []
    for index, parts in enumerate(zip(*(batch.parts(count) for batch in batches), strict=True)):
        begin_streams((t.experiment.seed, t.step, index) for t in pack.members)
        losses, others, gradients = packed_passes(pack, parts)
        for name, values in {"loss": losses, **others}.items():
            sums[name] = sums.get(name, 0.0) + values
        total = gradients if not total else [_sum(a, b) for a, b in zip(total, gradients, strict=True)]
    columns = {f"train/{name}": (values / scored).unbind() for name, values in sums.items()}
    return [{name: column[place] for name, column in columns.items()} for place in range(len(batches))], total


def packed_passes(pack: Pack, parts: Sequence[Batch]) -> Passes:
    """One forward and backward pass of every member over its part of a batch."""
    factors = torch.tensor([1 / part.scored for part in parts], dtype=torch.float64, device=pack.members[0].device)
    return pack.program(pack.weights, _side_by_side(parts), factors)


def _side_by_side(parts: Sequence[Batch]) -> Batch:
    return replace(parts[0], tensors={name: torch.stack([p.tensors[name] for p in parts]) for name in parts[0].tensors})


def _sum(a: Tensor | None, b: Tensor | None) -> Tensor | None:
    return a + b if a is not None and b is not None else a if b is None else b


def _rows(gradient: Tensor | None, count: int) -> Sequence[Tensor | None]:
    return [None] * count if gradient is None else gradient.unbind()


def _update(
    pack: Pack, gradients: Sequence[Tensor | None], rows: Sequence[Gradients], metrics: Sequence[Metrics]
) -> None:
    """By fused kernels where there are any, once the member's optimiser has taken a step of its own in this pack."""
    fused = list(pack.updates)
    limits = [None if own is None else t.experiment.clip for t, own in zip(pack.members, fused, strict=True)]
    norms = clip(limits, gradients)
    for place, (t, own, norm) in enumerate(zip(pack.members, fused, norms, strict=True)):
        if own is not None:
            metrics[place].update(own(rows[place]) | ({} if norm is None else {"train/gradient_norm": norm}))
            continue
        metrics[place].update(updated_alone(t, pack.trained, rows[place]))
        pack.updates[place] = FusedUpdate.of(t, pack.trained, rows[place])
