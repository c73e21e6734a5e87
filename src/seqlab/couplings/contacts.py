"""How strongly two columns are coupled, and whether such columns touch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seqlab.couplings.gauge import zero_sum

__all__ = ["average_product_corrected", "contact_precision", "frobenius"]

Array = NDArray[np.float64]


def frobenius(couplings: Array, leave_out: int | None = None) -> Array:
    """(L, q, L, q) -> (L, L): the norm of each pair's couplings in the zero-sum gauge of all letters.

    leave_out: a letter, mostly the gap, that the norm then passes over.
    """
    _, gauged = zero_sum(np.zeros(couplings.shape[:2]), couplings)
    kept = [letter for letter in range(couplings.shape[1]) if letter != leave_out]
    norms: Array = np.sqrt(np.square(gauged[:, kept][:, :, :, kept]).sum((1, 3)))
    np.fill_diagonal(norms, 0)
    return norms


def average_product_corrected(scores: Array) -> Array:
    """Each score less what its columns have with all others: s_ij - s_i. s_.j / s_.. (Dunn 2008), zero diagonal; zero
    where no columns are coupled."""
    length = len(scores)
    apart = scores * (1 - np.eye(length))
    rows = apart.sum(1) / (length - 1)
    corrected: Array = apart - np.outer(rows, rows) / (rows.mean() or 1.0)
    np.fill_diagonal(corrected, 0)
    return corrected


def contact_precision(scores: Array, contacts: NDArray[np.bool_], count: int, separation: int = 6) -> float:
    """The share of contacts among the `count` highest scores of columns at least `separation` apart."""
    i, j = np.triu_indices(len(scores), separation)
    best = np.argsort(-scores[i, j], kind="stable")[:count]
    return float(contacts[i[best], j[best]].mean())
