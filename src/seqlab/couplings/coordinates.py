"""Coordinates in which the objective of a direct fit is nearly round, so that few steps reach its minimum.

Two things stretch it: a letter's presence is no deviation from its mean, so each coupling pulls at the fields of both
its sites; and rare letters curve it less than frequent ones. So fields are taken at the mean sequence, and each
parameter in units of one over the root of its curvature without couplings.
"""

from __future__ import annotations

import torch
from torch import Tensor

from seqlab.couplings.objective import Objective

__all__ = ["Coordinates"]

START = 0.5
"""Letters of each kind that fields start with, beside those that were counted."""


class Coordinates:
    """The change of variables of one objective."""

    def __init__(self, objective: Objective) -> None:
        counts = objective.counts()
        known = counts.sum(1, keepdim=True).clamp(min=1e-9)
        total = float(objective.weights.sum())
        share = counts / known
        curvature = known * share * (1 - share) + 2 * objective.field_penalty
        spread = counts / total * (1 - counts / total)
        self._first, self._second = torch.triu_indices(objective.length, objective.length, 1)
        of_pairs = spread[self._first, :, None] * spread[self._second, None, :]
        terms = 2.0 if objective.seen == "all" else 1.0
        stretched = total * terms * of_pairs + 2 * objective.coupling_penalty
        self._mean = (counts / total).to(objective.dtype)
        self._field_unit = curvature.clamp(min=1e-3).rsqrt().to(objective.dtype)
        self._unit = stretched.clamp(min=1e-3).rsqrt().to(objective.dtype)
        self._sees_all = objective.seen == "all"
        logs = (counts + START).log()
        self._start = (logs - logs.mean(1, keepdim=True)).to(objective.dtype)

    def start(self) -> Tensor:
        """Where fits begin, (P,): fields of the independent model, and no couplings."""
        return torch.cat([(self._start / self._field_unit).flatten(), self._unit.new_zeros(self._unit.numel())])

    def parameters(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Fields (L, q) and couplings (pairs, q, q) at a place (P,), differentiable."""
        centred, scaled = x.split([self._field_unit.numel(), self._unit.numel()])
        couplings = scaled.view_as(self._unit) * self._unit
        i, j = self._first, self._second
        seen = torch.bmm(self._mean[i, None], couplings)[:, 0]  # what j sees of i's mean letter, (pairs, q)
        moved = torch.zeros_like(self._field_unit).index_add(0, j, seen)
        if self._sees_all:
            moved = moved.index_add(0, i, torch.bmm(couplings, self._mean[j, :, None])[..., 0])
        return centred.view_as(moved) * self._field_unit - moved, couplings
