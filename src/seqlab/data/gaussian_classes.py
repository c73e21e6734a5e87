"""Classes whose rows are normal around means of one length at right angles: what can be reached is known exactly."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from seqlab.data.labelled import Labelled

__all__ = ["bayes", "draw", "means"]

REACH, POINTS = 12.0, 4801
"""Half-width, in standard deviations, and points of the integral of the accuracy."""
DRAWS = 200_000
"""Draws of the Monte Carlo mean of the loss; its standard error is below 0.003 nats."""


def means(classes: int, features: int, separation: float, random: np.random.Generator) -> NDArray[np.float32]:
    """(classes, features) orthogonal vectors of length `separation` in directions drawn evenly; classes <= features."""
    frame, triangle = np.linalg.qr(random.standard_normal((features, classes)))
    return (separation * frame * np.sign(np.diag(triangle))).T.astype(np.float32)


def draw(centres: NDArray[np.float32], rows: int, random: np.random.Generator) -> Labelled:
    """Rows (rows, features) float32 of unit normal noise around the centre of their class; the classes are drawn
    evenly, those of `rows` as near as can be to equally many."""
    labels = random.permutation(np.arange(rows, dtype=np.int64) % len(centres))
    return Labelled(centres[labels] + random.standard_normal((rows, centres.shape[1]), dtype=np.float32), labels)


def bayes(classes: int, separation: float) -> dict[str, float]:
    """The accuracy and loss of one who knows the means, which no model can surpass but by chance.

    The projections on the means are independent: that of the own class is N(s, 1), the others N(0, 1). The accuracy is
    the integral of phi(x - s) Phi(x)^(C - 1), to 1e-9; the loss, -E log softmax(s x), a Monte Carlo mean.
    """
    x = np.linspace(-REACH, REACH + separation, POINTS)
    below = np.array([math.erfc(-value / math.sqrt(2)) / 2 for value in x])
    density = np.exp(-((x - separation) ** 2) / 2) / math.sqrt(2 * math.pi)
    accuracy = np.trapezoid(density * below ** (classes - 1), x)
    scores = np.random.default_rng(0).standard_normal((DRAWS, classes))
    scores[:, 0] += separation
    scores *= separation
    highest = scores.max(1)
    nats = np.log(np.exp(scores - highest[:, None]).sum(1)) + highest - scores[:, 0]
    return {"loss": float(nats.mean()), "accuracy": float(accuracy)}
