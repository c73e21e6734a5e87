"""Arguments for every kernel, made from its signature, so that a new kernel is compared without a line written here.

A kernel is a folder of seqlab.kernels: `NAME` in it is what runs, `NAME_reference` in its reference.py is the law.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

import seqlab.kernels

__all__ = ["Case", "cases"]

SIZES = {"b": 2, "l": 40, "m": 40, "h": 4, "g": 2, "d": 8, "k": 5}
"""What the letters of shapes stand for (see seqlab.kernels); any other letter is OTHER."""
OTHER = 6
NUMBERS = {int: 7, float: 0.5, bool: True}
"""What an argument that has no default and is no tensor is given."""
LENGTHS = (1, 40, 200)
"""Below and above the lengths at which dispatch turns to another way."""


@dataclass(frozen=True)
class Case:
    """A kernel, its law, and the arguments that both are given."""

    name: str
    fast: Callable[..., Any]
    reference: Callable[..., Any]
    arguments: dict[str, Any]


def cases() -> Iterator[Case]:
    """Every kernel at several lengths."""
    for name in (module.name for module in pkgutil.iter_modules(seqlab.kernels.__path__) if module.ispkg):
        package = importlib.import_module(f"seqlab.kernels.{name}")
        law = importlib.import_module(f"seqlab.kernels.{name}.reference")
        fast, reference = getattr(package, name), getattr(law, f"{name}_reference")
        for length in LENGTHS:
            yield Case(f"{name} {length}", fast, reference, _arguments(reference, SIZES | {"l": length, "m": length}))


def _arguments(function: Callable[..., Any], sizes: dict[str, int]) -> dict[str, Any]:
    """A value for every parameter that has no default, and true for `causal`."""
    kinds = typing.get_type_hints(function)
    parameters = inspect.signature(function).parameters
    needed = [name for name, parameter in parameters.items() if parameter.default is parameter.empty]
    made = {name: _value(kinds[name], sizes) for name in needed}
    return made | ({"causal": True} if "causal" in parameters else {})


def _value(kind: Any, sizes: dict[str, int]) -> Any:
    if kind in NUMBERS:
        return NUMBERS[kind]
    shape = [sizes.get(letter.strip("#*"), OTHER) for letter in kind.dim_str.split()]
    if any(dtype.startswith("float") for dtype in kind.dtypes):
        return torch.randn(shape, dtype=torch.float64)
    return _positions(shape)


def _positions(shape: list[int]) -> Tensor:
    """Whole numbers that count along the last axis."""
    return torch.arange(shape[-1]).expand(shape)
