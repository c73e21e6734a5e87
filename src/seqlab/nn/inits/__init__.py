"""Laws by which weights are drawn, one a file, and how a model applies them.

A module marks what the law must know: `residual(linear)` for a linear whose output is added to the residual
stream, `drawn_by(law, linear)` for one that has a law of its own in the spec, and a class attribute
`keeps_init = True` for a module that draws its own parameters by a law of its own.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import TypeVar

import torch
from torch import Tensor, nn

from seqlab.spec import Part

__all__ = ["Init", "drawn_by", "initialise", "inner", "residual"]

AnyLinear = TypeVar("AnyLinear", bound=nn.Linear)
AnyModule = TypeVar("AnyModule", bound=nn.Module)


ALL_ROWS = slice(None)


class Init(Part, kind="nn/inits"):
    """The law of a weight matrix (out, in)."""

    @abstractmethod
    def std(self, fan_in: int, fan_out: int) -> float:
        """The standard deviation of the normal law for a matrix of that shape."""

    def fill(self, weight: Tensor, *, gain: float = 1.0) -> None:
        """Draw a matrix (out, in) in place, its standard deviation multiplied by `gain`."""
        fan_out, fan_in = weight.shape
        std = self.std(fan_in, fan_out) * gain
        with torch.no_grad():
            weight.normal_(0.0, std)
        weight.drawn_std = std  # type: ignore[attr-defined]  # read by who draws this weight anew


def residual(linear: AnyLinear) -> AnyLinear:
    """Mark a linear whose output is added to the residual stream, so that depth scaling applies to it."""
    linear.writes_residual = True  # type: ignore[assignment]
    return linear


def drawn_by(law: Init | None, linear: nn.Linear, rows: slice = ALL_ROWS) -> None:
    """Have rows of a linear's matrix drawn by a law of their own, as it is: no depth scaling applies. Of marks that
    meet, the last holds; none marks nothing."""
    if law is not None:
        linear.own_laws = (*getattr(linear, "own_laws", ()), (law, rows))  # type: ignore[assignment]


def inner(module: AnyModule) -> AnyModule:
    """Take the mark off every linear of a module whose output does not go to the residual stream."""
    for part in module.modules():
        if getattr(part, "writes_residual", False):
            part.writes_residual = False  # type: ignore[assignment]
    return module


def initialise(module: nn.Module, law: Init, residual_law: Init | None = None, *, residual_gain: float = 1.0) -> None:
    """Draw every linear below `module` by `law`, with zero biases; those that write to the residual stream by
    `residual_law` (none: `law`), times `residual_gain`; rows with a law of their own by that. Modules that keep
    their own law are left alone."""
    if getattr(module, "keeps_init", False):
        return
    if isinstance(module, nn.Linear):
        if getattr(module, "writes_residual", False):
            (residual_law or law).fill(module.weight, gain=residual_gain)
        else:
            law.fill(module.weight)
        for own, rows in getattr(module, "own_laws", ()):
            own.fill(module.weight[rows])
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    for child in module.children():
        initialise(child, law, residual_law, residual_gain=residual_gain)


def depth_gain(branches: int) -> float:
    """1/sqrt(number of branches added to the residual stream): keeps its variance from growing with depth (GPT-2)."""
    return 1.0 / math.sqrt(max(branches, 1))
