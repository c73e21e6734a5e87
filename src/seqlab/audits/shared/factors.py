"""What a loss was wrongly divided or multiplied by, told from how many times too large it is."""

from __future__ import annotations

import math

__all__ = ["factor"]


def factor(
    ratio: float, *, vocabulary: int, length: int, rows: int = 1, scored: float = 1, tolerance: float = 0.03
) -> str | None:
    """The cause of a loss that is `ratio` times the right one, of rows of `length` symbols; None where it is not known.

    rows, scored: how many of them there are, where that is known. tolerance: relative."""
    known = {
        1 / vocabulary: f"it is divided by the vocabulary ({vocabulary}), as a mean over positions and symbols is",
        1 / length: f"it is divided by the length ({length}) once too often",
        1 / rows: f"it is divided by the rows of the batch ({rows}) once too often",
        1 / scored: "it is a mean already, and is divided by the number of scored symbols once more",
        1 / math.log(2): "it is in bits, not in nats",
        math.log(2): "it is multiplied by ln 2",
        1 / math.log(max(vocabulary, 2)): "it is divided by ln V, as a share of guessing",
        float(vocabulary): f"it is multiplied by the vocabulary ({vocabulary})",
        float(length): f"it is summed over the length ({length}), and not divided by it",
        float(rows): f"it is summed over the rows ({rows}), and not divided by them",
        float(scored): "it is a sum, not a mean",
    }
    near = (why for value, why in known.items() if value != 1 and abs(math.log(max(ratio, 1e-30) / value)) < tolerance)
    return next(near, None)
