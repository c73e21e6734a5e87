"""How far a classifier's confidence is from its accuracy."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["calibration_error"]

BINS = 15
"""Of equal width between 0 and 1, as in arXiv 1706.04599."""


def calibration_error(confidence: Tensor, hit: Tensor) -> float:
    """The expected calibration error, from 0 to 1: |accuracy - mean confidence| of the rows in each bin of confidence,
    weighted by their number. confidence (N,), the probability of each answer; hit (N,), 1 where it is right.

    A bin holds its upper edge, as the authors' code has it (gpleiss/temperature_scaling).
    """
    bins = (confidence * BINS).ceil().long().clamp(1, BINS) - 1
    gaps = torch.zeros(BINS, dtype=torch.float64, device=hit.device)
    gaps.index_add_(0, bins, (hit - confidence).double())
    return float(gaps.abs().sum() / len(hit))
