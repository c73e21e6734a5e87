"""plmDCA (arXiv 1211.1281), symmetric: fields and couplings of largest penalised pseudo-likelihood, by L-BFGS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqlab.kernels.potts_pseudo_likelihood import potts_pseudo_likelihood

__all__ = ["Fit", "Objective", "pseudo_likelihood"]

Array = NDArray[np.float64]
HISTORY = 10
"""Steps that L-BFGS remembers."""


@dataclass(frozen=True)
class Fit:
    """A fitted model, and how it was reached."""

    fields: Array
    """(L, q)"""
    couplings: Array
    """(L, q, L, q), symmetric, zero at i = j."""
    objective: float
    gradient: float
    """The largest entry of the objective's gradient there."""
    history: tuple[float, ...]
    """The objective at each evaluation."""


class Objective:
    """sum_n w_n sum_i -log P(x_ni | others) + field_penalty |h|^2 + coupling_penalty sum_{i<j} |J_ij|^2.

    letters (N, L) from 0 to size - 1; `size` itself stands for no letter. One couplings parameter for i < j.
    """

    def __init__(
        self,
        letters: NDArray[np.integer],
        size: int,
        weights: Array,
        field_penalty: float,
        coupling_penalty: float,
        dtype: torch.dtype = torch.float64,
    ) -> None:
        if letters.ndim != 2 or letters.shape[1] < 2 or not len(letters):
            raise ValueError(f"couplings need sequences of at least two columns; the shape here is {letters.shape}.")
        self._letters = torch.from_numpy(np.ascontiguousarray(letters, dtype=np.int64))
        self._weights = torch.from_numpy(weights).to(dtype)
        self._penalties = field_penalty, coupling_penalty
        self.length, self.size, self.dtype = letters.shape[1], size, dtype
        self._pairs = torch.triu_indices(self.length, self.length, 1)

    def start(self) -> tuple[Tensor, Tensor]:
        """Zero fields (L, q) and couplings of the pairs i < j, (pairs, q, q)."""
        pairs = self._pairs.shape[1]
        fields, couplings = torch.zeros(self.length, self.size), torch.zeros(pairs, self.size, self.size)
        return fields.to(self.dtype), couplings.to(self.dtype)

    def __call__(self, fields: Tensor, couplings: Tensor) -> Tensor:
        """The objective, with gradients of both."""
        of_fields, of_couplings = self._penalties
        penalty = of_fields * fields.square().sum() + of_couplings * couplings.square().sum()
        whole = self.whole(couplings)
        return potts_pseudo_likelihood(fields, whole, self._letters, self._weights) + penalty

    def whole(self, couplings: Tensor) -> Tensor:
        """(pairs, q, q) -> (L, q, L, q)."""
        i, j = self._pairs
        whole = couplings.new_zeros(self.length, self.length, self.size, self.size)
        whole = whole.index_put((i, j), couplings).index_put((j, i), couplings.transpose(1, 2))
        return whole.transpose(1, 2)


def pseudo_likelihood(
    objective: Objective,
    iterations: int = 100,
    tolerance: float = 1e-5,
    told: Callable[[int, float], None] = lambda evaluation, value: None,
) -> Fit:
    """Minimise from zero, until no entry of the gradient exceeds `tolerance` or for so many iterations.

    told: called with the number and the objective of each evaluation.
    """
    fields, couplings = (part.requires_grad_() for part in objective.start())
    search = torch.optim.LBFGS(
        [fields, couplings], max_iter=iterations, max_eval=2 * iterations + 25, history_size=HISTORY,
        tolerance_grad=tolerance, tolerance_change=0.0, line_search_fn="strong_wolfe",
    )  # fmt: skip
    history: list[float] = []

    def evaluate() -> Tensor:
        search.zero_grad()
        value = objective(fields, couplings)
        value.backward()
        history.append(float(value.detach()))
        told(len(history), history[-1])
        return value.detach()

    search.step(evaluate)
    value = float(evaluate())
    largest = max(float(part.grad.abs().max()) for part in (fields, couplings) if part.grad is not None)
    whole = objective.whole(couplings.detach())
    return Fit(fields.detach().double().numpy(), whole.double().numpy(), value, largest, tuple(history))
