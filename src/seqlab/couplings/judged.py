"""How well couplings tell contacts, and samples an alignment: the numbers of an evaluation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seqlab.couplings.contacts import average_product_corrected, contact_precision, frobenius
from seqlab.couplings.pairwise import Array, Pairwise
from seqlab.couplings.statistics import covariance
from seqlab.data.alignments import GAP, SIZE

__all__ = ["SEPARATION", "ceiling", "contact_scores", "off_diagonal", "precisions"]

SEPARATION = 6
"""Columns that two sites are apart at least, for a contact to count."""


def contact_scores(model: Pairwise) -> Array:
    """(L, L): Frobenius norms in the zero-sum gauge without the gap, less the average product."""
    whole = model.couplings()
    return average_product_corrected(frobenius(whole, GAP if whole.shape[1] == SIZE else None))


def precisions(scores: Array, contacts: NDArray[np.bool_]) -> dict[str, float]:
    """The share of contacts among the best L/5, L/2 and L pairs, and among all of them."""
    length = len(scores)
    found = {
        f"precision@L{told}": contact_precision(scores, contacts, max(1, length // by), SEPARATION)
        for told, by in (("/5", 5), ("/2", 2), ("", 1))
    }
    i, j = np.triu_indices(length, SEPARATION)
    return found | {"contacts_of_all_pairs": float(contacts[i, j].mean())}


def off_diagonal(letters: NDArray[np.integer], size: int = SIZE, weights: Array | None = None) -> Array:
    """The covariances of letters of different columns, one of each pair of columns, flat; the last letter left out."""
    length = letters.shape[1]
    whole = covariance(letters, size, weights).reshape(length, size - 1, length, size - 1)
    i, j = np.triu_indices(length, 1)
    found: Array = whole[i, :, j].ravel()
    return found


def ceiling(letters: NDArray[np.integer], weights: Array, seed: int = 0, size: int = SIZE) -> float:
    """The Pearson correlation between the covariances of two random halves: what a perfect model of one half reaches on
    the other."""
    mixed = np.random.default_rng(seed).permutation(len(letters))
    first, second = (off_diagonal(letters[part], size, weights[part]) for part in np.array_split(mixed, 2))
    return float(np.corrcoef(first, second)[0, 1])
