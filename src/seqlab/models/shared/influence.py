"""How far back an output looks, by gradients."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Look", "by_distance", "influence", "look_of"]

NOTHING = 1e-9
"""Share of the influence that counts as none."""


@dataclass(frozen=True)
class Look:
    """How far back an output sees, in positions, its own counted as 1."""

    reach: int
    """Within which the share of what other positions add lies."""
    farthest: int
    """Within which all of it lies."""


def influence(output: Tensor, source: Tensor, place: int) -> Tensor:
    """(L,) norms of the gradient of a random sum of the outputs at one position."""
    weights = torch.randn_like(output[:, place])
    found: tuple[Tensor | None, ...] = torch.autograd.grad(
        (output[:, place] * weights).sum(), source, retain_graph=True, allow_unused=True
    )
    gradient = found[0]
    if gradient is None:
        return torch.zeros(source.shape[1], dtype=source.dtype, device=source.device)
    norms: Tensor = gradient.norm(dim=-1).sum(0)
    return norms


def by_distance(influence: Tensor, place: int) -> Tensor:
    """(L,) -> (L,): the influence on the output at a place, summed over the positions at each distance from it; what
    is nothing beside the whole is zero."""
    distance = (torch.arange(len(influence), device=influence.device) - place).abs()
    within = torch.zeros_like(influence).index_add(0, distance, influence)
    return torch.where(within > NOTHING * within.sum(), within, 0.0)


def look_of(influence: Tensor, place: int, share: float) -> Look:
    """How far back the output at a place sees, by the influence of every position on it; the own one is not weighed:
    residual connections lead there past every memory."""
    others = by_distance(influence, place)[1:]
    if not others.any():
        return Look(1, 1)
    held = others.cumsum(0) / others.sum()
    return Look(int((held < share).sum()) + 2, int(others.nonzero().max()) + 2)
