"""Direct fits of fields and couplings to an alignment: plmDCA (arXiv 1211.1281) and arDCA (arXiv 2103.03292)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from seqlab.couplings.coordinates import Coordinates
from seqlab.couplings.descent import HISTORY, Point, descend
from seqlab.couplings.objective import Objective
from seqlab.couplings.pairwise import Array

__all__ = ["Fit", "fit", "needed_bytes"]

COPIES = 2 * HISTORY + 12
"""Of the parameters: steps, gradients, directions and what they are made of."""


@dataclass(frozen=True)
class Fit:
    """Fitted parameters, and how they were reached."""

    fields: Array
    """(L, q)."""
    pairs: Array
    """Couplings of the pairs i < j, (pairs, q, q)."""
    objective: float
    """There, in float64."""
    gradient: float
    """The largest entry of the objective's gradient there, in float64."""
    left: float
    """By how much the objective was still expected to fall."""
    converged: bool
    """Whether that is less than the share `tolerance` of it."""
    history: tuple[Point, ...]
    """After each step."""

    def readout(self) -> dict[str, float | bool]:
        """How far the fit came, by name."""
        return {
            "objective": self.objective,
            "expected_decrease": self.left,
            "largest_gradient": self.gradient,
            "converged": self.converged,
            "evaluations": self.history[-1].evaluations,
        }


def needed_bytes(length: int, size: int, dtype: torch.dtype) -> int:
    """The memory that a fit of so many sites and letters takes, alignment and program left out."""
    parameters = length * (length - 1) // 2 * size**2 + length * size
    return parameters * (COPIES * dtype.itemsize + 4 * torch.float64.itemsize)


def fit(
    objective: Objective,
    iterations: int = 200,
    tolerance: float = 1e-6,
    told: Callable[[Point], None] = lambda point: None,
) -> Fit:
    """Minimise from the independent model, until less than the share `tolerance` of the objective is left to fall, or
    for so many iterations. told: called after each."""
    coordinates = Coordinates(objective)
    x = coordinates.start()

    def evaluate(x: Tensor) -> tuple[float, Tensor]:
        leaf = x.detach().requires_grad_()
        value = objective(*coordinates.parameters(leaf))
        value.backward()
        assert leaf.grad is not None
        return float(value.detach()), leaf.grad

    history: list[Point] = []
    for point in descend(evaluate, x):
        history.append(point)
        told(point)
        if point.left <= tolerance * abs(point.value) or len(history) > iterations:
            break
    leaves = [part.detach().double().requires_grad_() for part in coordinates.parameters(x)]
    final = objective(*leaves)
    final.backward()
    value = float(final.detach())
    steepest = max(float(leaf.grad.abs().max()) for leaf in leaves if leaf.grad is not None)
    fields, pairs = (leaf.detach().numpy() for leaf in leaves)
    left = history[-1].left
    return Fit(fields, pairs, value, steepest, left, left <= tolerance * abs(value), tuple(history))
