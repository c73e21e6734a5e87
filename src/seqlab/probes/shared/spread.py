"""A tensor in few numbers, cheaply."""

from __future__ import annotations

import torch
from torch import Tensor

from seqlab.probes import Profile

__all__ = ["OCTAVES", "octaves", "quantiles", "spread"]

SAMPLE = 2048
"""Entries of a large tensor that its quantiles are taken from, spread over it evenly; all entries of a smaller one."""
LEVELS = {"p05": 0.05, "p25": 0.25, "median": 0.5, "p75": 0.75, "p95": 0.95}
OCTAVES = 16
"""Bins by powers of two: below 1, from 1 to below 2, from 2 to below 4 ... and the last holds all from 2^14 on."""


def spread(x: Tensor) -> Profile:
    """`rms`, `largest` (of the absolute values) and the quantiles of a tensor's entries, in float32 or wider."""
    flat = _wide(x).flatten()
    if not len(flat):
        return {}
    rms, largest = flat.square().mean().sqrt(), flat.abs().max()
    return {"rms": float(rms), "largest": float(largest), **quantiles(flat)}


def quantiles(x: Tensor) -> Profile:
    """`p05`, `p25`, `median`, `p75` and `p95` of a tensor's entries, of a large one by a sample."""
    flat = _wide(x).flatten()
    sample = flat[:: -(-len(flat) // SAMPLE)].sort().values
    places = [round(level * (len(sample) - 1)) for level in LEVELS.values()]
    return dict(zip(LEVELS, sample[places].tolist(), strict=True))


def octaves(x: Tensor, weights: Tensor | None = None) -> list[float]:
    """The share of the entries (all at least 0, infinity allowed), or of their weights, in each of OCTAVES bins."""
    flat = _wide(x).flatten().nan_to_num(0.0, posinf=torch.inf)
    bins = torch.floor(torch.log2(flat.clamp(0.5, 2.0 ** (OCTAVES - 2)))).long() + 1
    counted = torch.zeros(OCTAVES, dtype=flat.dtype, device=flat.device)
    counted.index_add_(0, bins, torch.ones_like(flat) if weights is None else _wide(weights).flatten())
    shares: list[float] = (counted / counted.sum().clamp(min=torch.finfo(flat.dtype).tiny)).tolist()
    return shares


def _wide(x: Tensor) -> Tensor:
    return x.detach().to(torch.promote_types(x.dtype, torch.float32))
