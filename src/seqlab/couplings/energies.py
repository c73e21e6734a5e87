"""How probable a model finds given sequences, and what each mutation of them would change.

A model without a gap passes gaps over, as its fit did: such a site has no term and is seen by nobody.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from seqlab.couplings.pairwise import Array, Pairwise

__all__ = ["conditional_logs", "mutation_effects", "scores"]

PIECE = 1 << 24
"""Logits that are made at once."""


def scores(model: Pairwise, letters: NDArray[np.integer]) -> Array:
    """(N, L) -> (N,): log p(x) of an autoregressive model, in nats; of a joint one -E(x) = sum_i h_i(x_i) +
    sum_{i<j} J_ij(x_i, x_j), which is log p(x) but for a constant. The highest is the most probable."""
    if model.law == "autoregressive":
        logs: Array = conditional_logs(model, letters).sum(1)
        return logs
    total: Array = np.concatenate(
        [_own(model.fields + _seen(model, part) / 2, part).sum(1) for part in _pieces(model, letters)]
    )
    return total


def conditional_logs(model: Pairwise, letters: NDArray[np.integer]) -> Array:
    """(N, L) -> (N, L): log of the probability of each letter given what its site sees: all others, or those before;
    0 where there is no letter."""
    logs = []
    for part in _pieces(model, letters):
        logits = _seen(model, part) + model.of_columns()
        logits -= logits.max(2, keepdims=True)
        logits -= np.log(np.exp(logits).sum(2, keepdims=True))
        logs.append(_own(logits, part))
    return np.concatenate(logs)


def mutation_effects(model: Pairwise, letters: NDArray[np.integer]) -> Array:
    """One sequence (L,) -> (L, q): by how much the score changes where site i becomes letter a."""
    length, size = model.fields.shape
    if model.law == "joint":
        logits = (_seen(model, letters[None]) + model.fields)[0]
        effects: Array = logits - _own(logits[None], letters[None]).T
        return effects
    mutants = np.broadcast_to(letters, (length, size, length)).copy()
    mutants[np.arange(length), :, np.arange(length)] = np.arange(size)
    found: Array = scores(model, mutants.reshape(-1, length)).reshape(length, size) - scores(model, letters[None])
    return found


def _pieces(model: Pairwise, letters: NDArray[np.integer]) -> list[NDArray[np.integer]]:
    rows = max(1, PIECE // model.fields.size)
    return [letters[start : start + rows] for start in range(0, len(letters), rows)]


def _own(values: Array, letters: NDArray[np.integer]) -> Array:
    """(N, L, q) and letters (N, L) -> (N, L): the value of each letter, 0 of none."""
    size = values.shape[2]
    places = np.minimum(letters, size - 1)[:, :, None].astype(np.int64)
    found: Array = np.take_along_axis(values, places, 2)[..., 0] * (letters < size)
    return found


def _seen(model: Pairwise, letters: NDArray[np.integer]) -> Array:
    """(N, L) -> (N, L, q), by columns: what the couplings of the letters that a site sees add to its logits."""
    length, size = model.fields.shape
    if letters.shape[1] != length:
        raise ValueError(
            f"the model has {length:,} columns and these sequences {letters.shape[1]:,}; keep those that its fit kept "
            "(--focus, --structure)."
        )
    if letters.max(initial=0) > size:
        raise ValueError(f"the model has {size} letters, and these sequences others.")
    whole = torch.from_numpy(model.couplings())
    if model.law == "autoregressive":
        rank = torch.from_numpy(np.argsort(model.order))
        whole = whole * (rank[:, None] > rank)[:, None, :, None]
    marked = torch.nn.functional.one_hot(torch.from_numpy(letters.astype(np.int64)), size + 1)
    chosen = marked[:, :, :size].double().flatten(1)
    found: Array = (chosen @ whole.reshape(length * size, length * size).T).view(-1, length, size).numpy()
    return found
