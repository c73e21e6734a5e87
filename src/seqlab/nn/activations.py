"""Activations by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from seqlab.kernels.gelu_tanh import gelu_tanh
from seqlab.spec import SpecError, did_you_mean

__all__ = ["Activation", "activation", "sigmoidshrink", "tanhshrink"]

Activation = Literal[
    "gelu", "gelu_tanh", "relu", "relu_squared", "leaky_relu_0.98", "silu", "tanh", "sigmoid", "identity",
    "tanhshrink_0.5", "tanhshrink_0.9", "tanhshrink_1.5", "tanhshrink_2.5", "tanhshrink_3_3", "tanhshrink_3.15_3",
    "sigmoidshrink_4", "plus_tanh",
]  # fmt: skip
"""gelu is exact, gelu_tanh its approximation (GPT-2); relu_squared is max(x, 0)^2 (Primer, arXiv 2109.08668);
leaky_relu_S has the slope S below zero. tanhshrink_A is x - A tanh(x), tanhshrink_A_W x - A tanh(x / W),
sigmoidshrink_A x - A (sigmoid(x) - 1/2), plus_tanh x + tanh(x) (randomekek/sequence, June 2024)."""


def activation(name: Activation) -> Callable[[Tensor], Tensor]:
    """The elementwise function of that name. Raises SpecError for another name."""
    if name not in _FUNCTIONS:
        raise SpecError(f"there is no activation `{name}`; {did_you_mean(name, get_args(Activation))}")
    return _FUNCTIONS[name]


def tanhshrink(x: Tensor, amount: float, width: float = 1.0) -> Tensor:
    """x - amount tanh(x / width), in float32 or wider, for the difference may be far smaller than x: odd, unbounded,
    of slope 1 - amount / width at 0."""
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    return (wide - amount * torch.tanh(wide / width)).to(x.dtype)


def sigmoidshrink(x: Tensor, amount: float) -> Tensor:
    """x - amount (sigmoid(x) - 1/2), which is x - amount / 2 tanh(x / 2)."""
    return tanhshrink(x, amount / 2, 2.0)


def _relu_squared(x: Tensor) -> Tensor:
    return F.relu(x).square()


def _identity(x: Tensor) -> Tensor:
    return x


_FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,
    "gelu_tanh": gelu_tanh,
    "relu": F.relu,
    "relu_squared": _relu_squared,
    "leaky_relu_0.98": partial(F.leaky_relu, negative_slope=0.98),
    "silu": F.silu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "identity": _identity,
    "tanhshrink_0.5": partial(tanhshrink, amount=0.5),
    "tanhshrink_0.9": partial(tanhshrink, amount=0.9),
    "tanhshrink_1.5": partial(tanhshrink, amount=1.5),
    "tanhshrink_2.5": partial(tanhshrink, amount=2.5),
    "tanhshrink_3_3": partial(tanhshrink, amount=3.0, width=3.0),
    "tanhshrink_3.15_3": partial(tanhshrink, amount=3.15, width=3.0),
    "sigmoidshrink_4": partial(sigmoidshrink, amount=4.0),
    "plus_tanh": partial(tanhshrink, amount=-1.0),
}
