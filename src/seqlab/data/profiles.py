"""Where the residues of a structure stand in an alignment: its sequence aligned to the profile of the columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqlab.data import DataError
from seqlab.data.alignments import ALPHABET, GAP, SIZE, LeftOut
from seqlab.data.backbones import Backbone

__all__ = ["Placed", "belongs", "lost", "mismatch", "place"]

GAP_COST = 3.0
"""Nats that a residue without column costs, or a column without residue, but at the ends."""
PSEUDOCOUNT = 0.02
"""Share of the background in each column's letters."""
LEAST = 0.25
"""Nats a residue below which a structure does not belong to an alignment."""

SHOWN = 30
"""Residues that are shown where a structure does not belong."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Placed:
    """Which residues and columns correspond, in order."""

    residues: NDArray[np.int64]
    columns: NDArray[np.int64]
    score: float
    """Nats a residue of the structure by which the columns expect its letters more than the background does."""


def place(backbone: Backbone, letters: NDArray[np.uint8], *, most_gaps: float = 0.5) -> Placed:
    """Needleman and Wunsch over log-odds, of columns whose share of gaps is at most `most_gaps`; ends are free.

    letters (M, L). Raises DataError where no column is left.
    """
    full = np.flatnonzero((letters == GAP).mean(0) <= most_gaps)
    if not len(full):
        raise DataError(f"no column of the alignment has at most {most_gaps:.0%} gaps; allow more.")
    counts = np.stack([(letters[:, full] == letter).sum(0) for letter in range(SIZE - 1)], 1).astype(float)
    background = counts.sum(0) / counts.sum() + 1e-6
    shares = (1 - PSEUDOCOUNT) * counts / counts.sum(1, keepdims=True) + PSEUDOCOUNT * background
    odds = np.log(shares / background).T  # (letters, columns)
    own = np.array([ALPHABET.find(letter) for letter in backbone.sequence])
    scores = np.where((own >= 0)[:, None], odds[np.clip(own, 0, GAP - 1)], 0.0)
    residues, columns, total = _aligned(scores)
    return Placed(residues, full[columns], total / len(backbone))


def belongs(placed: Placed) -> bool:
    """Whether a structure's sequence is one of the alignment's kind."""
    return placed.score >= LEAST


def mismatch(backbone: Backbone, placed: Placed, letters: NDArray[np.uint8]) -> str:
    """How a structure and an alignment that do not belong together disagree: the score, and how both begin."""
    full = letters[:, (letters == GAP).mean(0) <= 0.5][:, :SHOWN]
    counts = np.stack([(full == letter).sum(0) for letter in range(GAP)])
    usual = "".join(ALPHABET[letter] for letter in counts.argmax(0))
    return (
        f"the columns expect its sequence {placed.score:+.2f} nats a residue more than the background does, and "
        f"{LEAST} are needed; it begins {backbone.sequence[:SHOWN]} and their commonest letters {usual}"
    )


def lost(backbone: Backbone, placed: Placed, alignment: str) -> tuple[str, ...]:
    """Which residues have no column, in one sentence, or none."""
    kept = set(placed.residues.tolist())
    labels = tuple(label for place, label in enumerate(backbone.labels) if place not in kept)
    found = LeftOut(f"residues have no column in {alignment} and are left out", len(labels), labels)
    return (f"{backbone.name}: {found}.",) if labels else ()


def _aligned(scores: Array) -> tuple[NDArray[np.int64], NDArray[np.int64], float]:
    """The best path through scores (N, L)."""
    rows, columns = scores.shape
    best = np.zeros((rows + 1, columns + 1))
    step = np.zeros((rows + 1, columns + 1), np.int8)
    for total in range(2, rows + columns + 1):  # by antidiagonals, each of which depends on the two before
        i = np.arange(max(1, total - columns), min(rows, total - 1) + 1)
        j = total - i
        free_down, free_right = (j == columns) * GAP_COST, (i == rows) * GAP_COST
        choices = np.stack(
            [
                best[i - 1, j - 1] + scores[i - 1, j - 1],
                best[i - 1, j] - GAP_COST + free_down,
                best[i, j - 1] - GAP_COST + free_right,
            ]
        )
        step[i, j] = choices.argmax(0)
        best[i, j] = choices.max(0)
    i, j, pairs = rows, columns, []
    while i and j:
        if step[i, j] == 0:
            pairs.append((i - 1, j - 1))
        i, j = i - (step[i, j] != 2), j - (step[i, j] != 1)
    path = np.array(pairs[::-1], np.int64).reshape(-1, 2)
    return path[:, 0], path[:, 1], float(best[rows, columns])
