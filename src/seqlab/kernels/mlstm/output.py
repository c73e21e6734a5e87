"""What the memory's answer is divided by, the same in every form of the matrix LSTM."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

__all__ = ["InputGate", "normalise"]

InputGate = Literal["exponential", "sigmoid"]


def normalise(answer: Tensor, m: Tensor, gate: InputGate, normalised: bool, eps: float) -> Tensor:
    """(..., e + 1) and the stabiliser (...) -> h (..., e): the answers for v, divided by that for a value of 1.

    eps is added after stabilisation, where the published code adds it: with m large it is not small.
    """
    h, total = answer[..., :-1], answer[..., -1:].abs()
    if gate == "exponential":
        return h / (torch.maximum(total, (-m).exp()[..., None]) + eps)
    return h / total.clamp(min=1) if normalised else h
