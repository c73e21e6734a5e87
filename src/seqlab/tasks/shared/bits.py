"""Bits of symbols that are all but known: the accuracy of randomekek/sequence, wherever a task scores it."""

from __future__ import annotations

import torch
from torch import Tensor

from seqlab.nn.tiles import bits_of

__all__ = ["bit_accuracy_of_guess", "bits_near"]

NEAR = 0.2
"""A bit whose probability is nearer to what it is counts as right."""


def bits_near(probability: Tensor, answers: Tensor) -> Tensor:
    """(N,): the share of each answer's bits whose probability is within 0.2 of what they are.

    probability: (N, V) of each symbol, V = 2, 4, 8 ..., or (V,) for all alike; answers: (N,) int64. SpecError for
    another V.
    """
    bits = bits_of(probability.shape[-1], probability)
    return ((probability @ bits - bits[answers]).abs() < NEAR).to(probability.dtype).mean(-1)


def bit_accuracy_of_guess(share: Tensor, answers: Tensor) -> float:
    """The mean of `bits_near` of the same probabilities (V,), whatever is asked."""
    every = torch.arange(len(share), device=share.device)
    return float(bits_near(share, every)[answers].double().mean())
