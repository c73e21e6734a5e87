"""Activations by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from seqlab.spec import SpecError, did_you_mean

__all__ = ["Activation", "activation"]

Activation = Literal["gelu", "gelu_tanh", "relu", "relu_squared", "silu", "tanh", "sigmoid", "identity"]


def activation(name: Activation) -> Callable[[Tensor], Tensor]:
    """The elementwise function of that name. gelu is exact, gelu_tanh its approximation (GPT-2); relu_squared is
    max(x, 0)^2 (Primer, arXiv 2109.08668). Raises SpecError for another name."""
    if name not in _FUNCTIONS:
        raise SpecError(f"there is no activation `{name}`; {did_you_mean(name, get_args(Activation))}")
    return _FUNCTIONS[name]


def _gelu_tanh(x: Tensor) -> Tensor:
    return F.gelu(x, approximate="tanh")


def _relu_squared(x: Tensor) -> Tensor:
    return F.relu(x).square()


def _identity(x: Tensor) -> Tensor:
    return x


_FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,
    "gelu_tanh": _gelu_tanh,
    "relu": F.relu,
    "relu_squared": _relu_squared,
    "silu": F.silu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "identity": _identity,
}
