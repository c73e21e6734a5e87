"""How far two results lie apart."""

from __future__ import annotations

import math

from torch import Tensor

__all__ = ["difference"]


def difference(got: Tensor, wanted: Tensor, least: float = 1e-12) -> float:
    """The largest difference as a share of the largest entry wanted, which counts as `least` where it is smaller.

    Infinite where the shapes differ or something is no number: NaN would get lost in a maximum.
    """
    if got.shape != wanted.shape:
        return math.inf
    if not wanted.numel():
        return 0.0
    error = (got.double() - wanted.double()).abs().max().item() / max(wanted.abs().max().item(), least)
    return error if math.isfinite(error) else math.inf
