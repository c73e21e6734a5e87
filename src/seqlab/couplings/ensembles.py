"""Two sets of sequences of one family beside each other: natural ones and drawn ones."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqlab.couplings.pairwise import Array
from seqlab.data.alignments import SIZE

__all__ = ["each_column_drawn", "nearest", "pearson", "principal", "three_site"]

Letters = NDArray[np.integer]
AT_ONCE = 64
"""Triples whose frequencies are counted together."""


def pearson(first: Array, second: Array) -> float:
    """The correlation; 0 where one does not vary."""
    if first.std() == 0 or second.std() == 0:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def each_column_drawn(letters: Letters, weights: Array, seed: int = 0) -> Letters:
    """As many sequences, each column's letters drawn by themselves: frequencies stay, all else goes."""
    count, length = letters.shape
    rows = np.random.default_rng(seed).choice(count, size=letters.shape, p=weights / weights.sum())
    drawn: Letters = letters[rows, np.arange(length)]
    return drawn


def three_site(
    natural: Letters, drawn: Letters, weights: Array, count: int = 2000, seed: int = 0
) -> tuple[Array, Array]:
    """The connected correlations of `count` random letters of three random columns, as they occur in a random natural
    sequence, in both sets, the natural one weighed: f_ijk - f_ij f_k - f_ik f_j - f_jk f_i + 2 f_i f_j f_k."""
    random = np.random.default_rng(seed)
    rows = random.integers(len(natural), size=count)
    columns = random.random((count, natural.shape[1])).argsort(1)[:, :3]
    letters = np.take_along_axis(natural[rows], columns, 1)
    return _connected(natural, columns, letters, weights), _connected(drawn, columns, letters, np.ones(len(drawn)))


def _connected(sequences: Letters, columns: NDArray[np.int64], letters: Letters, weights: Array) -> Array:
    found, shares = [], weights / weights.sum()
    for start in range(0, len(columns), AT_ONCE):
        here = slice(start, start + AT_ONCE)
        i, j, k = np.moveaxis(sequences[:, columns[here]] == letters[here], 2, 0)
        single = [shares @ x for x in (i, j, k)]
        pairs = [shares @ (a & b) for a, b in ((j, k), (i, k), (i, j))]
        lower = sum(f * g for f, g in zip(single, pairs, strict=True))
        found.append(shares @ (i & j & k) - lower + 2 * single[0] * single[1] * single[2])
    return np.concatenate(found)


def nearest(sequences: Letters, natural: Letters, others: bool = False) -> Array:
    """Of each sequence the share of columns that differ from the nearest natural one; `others`: itself, of which the
    natural ones hold one, not counted."""
    known = _chosen(natural)
    alike = []
    for part in np.array_split(sequences, max(1, len(sequences) // 500)):
        shared = _chosen(part) @ known.T
        alike.append(shared.topk(2 if others else 1, 1).values[:, -1])
    found: Array = 1 - torch.cat(alike).double().numpy() / natural.shape[1]
    return found


def principal(natural: Letters, drawn: Letters) -> tuple[Array, Array]:
    """Both sets on the two principal axes of the natural one's letters, (N, 2) each."""
    known, other = _chosen(natural), _chosen(drawn)
    middle = known.mean(0)
    torch.manual_seed(0)
    axes = torch.pca_lowrank(known - middle, 2, center=False, niter=4)[2]
    return ((known - middle) @ axes).double().numpy(), ((other - middle) @ axes).double().numpy()


def _chosen(letters: Letters) -> Tensor:
    return torch.nn.functional.one_hot(torch.from_numpy(letters.astype(np.int64)), SIZE).float().flatten(1)
