"""In how many directions hidden units and weights live."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from seqlab.probes import Measures, Probe, Profile
from seqlab.probes.shared.features import features
from seqlab.spec import Field

__all__ = ["Ranks", "ranks"]

KEPT = 0.99
"""The share that the counted directions hold together."""


class Ranks(Probe):
    """Of the activations (N, H) of every layer of hidden units, and of every weight matrix, by their singular values s:
    `effective`, exp of the entropy of s / sum(s) (Roy and Vetterli, 2007); `stable`, |A|_F^2 / |A|_2^2 (Rudelson and
    Vershynin, 2007); `s_rank`, how many of the largest s add up to 0.99 of their sum (arXiv 2010.14498); `approximate`,
    the same of s^2 (arXiv 2204.09560). All are 0 of a matrix of zeros, and none is a number where an entry is none."""

    looks_at: ClassVar[Literal["weights", "passes"]] = "passes"

    every_steps: int = Field(default=1000, ge=1)
    """Measure at every so many updates; also at the last. A look costs some steps, for it decomposes every matrix."""

    rows: ClassVar[int] = 4096
    """Of activations, spread over all positions evenly, that are decomposed."""

    def measure(self, model: nn.Module, inputs: tuple[Tensor, ...]) -> Measures:
        found = {}
        for name, values in features(model, inputs):
            found[self.metric(f"{name} (units)")] = ranks(values[:: -(-len(values) // self.rows)])
        for path, parameter in model.named_parameters():
            if parameter.ndim == 2:
                found[self.metric(path)] = ranks(parameter.detach().double())
        return found


def ranks(matrix: Tensor) -> Profile:
    """Of a matrix in float64."""
    if not (largest := matrix.abs().max()) > 0 or largest.isinf():
        return dict.fromkeys(("effective", "stable", "s_rank", "approximate"), 0.0 if largest == 0 else math.nan)
    values = torch.linalg.svdvals(matrix)
    entropy = torch.special.entr(values / values.sum()).sum()
    squares = values.square()
    return {
        "effective": float(entropy.exp()),
        "stable": float(squares.sum() / squares[0]),
        "s_rank": float(_directions(values)),
        "approximate": float(_directions(squares)),
    }


def _directions(weights: Tensor) -> int:
    """How many of the weights, the largest first, add up to KEPT of them all."""
    shares = weights.cumsum(0) / weights.sum()
    return int((shares < KEPT).sum()) + 1
