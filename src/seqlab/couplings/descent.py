"""L-BFGS for objectives of millions of parameters: all products of vectors by matrices, one evaluation a step.

The two loops run over coefficients of what is remembered, not over vectors (Chen, Wang and Zhou 2014): each step reads
the memory twice, however much it holds. The objective is convex, so a step that lowers it enough curves upwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["HISTORY", "Point", "descend"]

HISTORY = 10
"""Steps that are remembered."""
ENOUGH = 1e-4
"""The share of the decrease that the slope promises which a step must bring."""
TRIALS = 12

Evaluate = Callable[[Tensor], tuple[float, Tensor]]
"""The objective and its gradient."""


class Point(NamedTuple):
    """Where a descent is after an evaluation that lowered the objective."""

    evaluations: int
    value: float
    left: float
    """By how much the quasi-Newton model of the objective still expects it to fall."""


def descend(evaluate: Evaluate, x: Tensor) -> Iterator[Point]:
    """Move x (P,) in place, step by step, for as long as the caller asks and steps lower the objective."""
    memory = x.new_zeros(2 * HISTORY + 1, len(x))
    products = torch.zeros(len(memory), len(memory), dtype=torch.float64)
    value, memory[-1] = evaluate(x)
    products[-1, -1] = memory[-1].dot(memory[-1])
    evaluations, kept = 1, list[int]()
    while True:
        weights = _direction(products, kept)
        slope = float(products[-1] @ weights)
        yield Point(evaluations, value, -slope / 2)
        direction = weights.to(x.dtype) @ memory
        tried, step = 0.0, 1.0
        for _ in range(TRIALS):
            x.add_(direction, alpha=step - tried)
            tried = step
            new, gradient = evaluate(x)
            evaluations += 1
            if new <= value + ENOUGH * step * slope:
                break
            least = -slope * step**2 / (2 * (new - value - slope * step))  # of the parabola through what is known
            step = min(max(least, 0.1 * step), 0.5 * step)
        else:
            x.add_(direction, alpha=-tried)
            return
        place = kept.pop(0) if len(kept) == HISTORY else len(kept)
        kept.append(place)
        torch.mul(direction, step, out=memory[place])
        torch.sub(gradient, memory[-1], out=memory[HISTORY + place])
        memory[-1] = gradient
        value = new
        for row in (place, HISTORY + place, -1):
            products[row] = products[:, row] = (memory @ memory[row]).double()


def _direction(products: Tensor, kept: list[int]) -> Tensor:
    """What of each remembered vector makes up the step, from their products: the two loops of L-BFGS."""
    weights = torch.zeros(len(products), dtype=torch.float64)
    weights[-1] = -1.0
    shares = {}
    for k in reversed(kept):
        shares[k] = products[k] @ weights / products[k, HISTORY + k]
        weights[HISTORY + k] -= shares[k]
    if kept:
        newest = kept[-1]
        weights *= products[newest, HISTORY + newest] / products[HISTORY + newest, HISTORY + newest]
    for k in kept:
        weights[k] += shares[k] - products[HISTORY + k] @ weights / products[k, HISTORY + k]
    return weights
