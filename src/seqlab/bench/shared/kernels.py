"""Arguments for every kernel, made from its signature, so that a new kernel is compared without a line written here.

A kernel is a folder of seqlab.kernels: `NAME` in it is what runs, `NAME_reference` in its reference.py is the law.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import types
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

import seqlab.kernels

__all__ = ["Case", "cases"]

SIZES = {"b": 2, "l": 40, "m": 40, "h": 4, "g": 2, "d": 8, "e": 6, "k": 5, "j": 3, "s": 4, "p": 2, "q": 2}
"""What the letters of shapes stand for (see seqlab.kernels)."""
NUMBERS = {int: 7, float: 0.5, bool: True}
"""What an argument that has no default and is no tensor is given."""
LENGTHS = (1, 40, 200)
"""Below and above the lengths at which dispatch turns to another way."""
EVERY_OPTION = 40
"""The length at which a kernel is also compared with every optional tensor, and with every choice of a word."""


@dataclass(frozen=True)
class Case:
    """A kernel, its law, and the arguments that both are given."""

    name: str
    fast: Callable[..., Any]
    reference: Callable[..., Any]
    arguments: dict[str, Any]
    wide_only: bool
    """Whether no dtype narrower than float32 is taken."""

    @property
    def differentiable(self) -> bool:
        """Whether any argument has a gradient: a count of whole numbers has none."""
        return any(isinstance(value, Tensor) and value.is_floating_point() for value in tree_leaves(self.arguments))


def cases() -> Iterator[Case]:
    """Every kernel at several lengths."""
    for name in (module.name for module in pkgutil.iter_modules(seqlab.kernels.__path__) if module.ispkg):
        package = importlib.import_module(f"seqlab.kernels.{name}")
        law = importlib.import_module(f"seqlab.kernels.{name}.reference")
        fast, reference = getattr(package, name), getattr(law, f"{name}_reference")
        for length in LENGTHS:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(crc32(name.encode()))  # a further kernel changes nothing for the others
                made = list(_arguments(reference, _sizes_at(length), length == EVERY_OPTION))
            for told, arguments in made:
                wide_only = getattr(package, "WIDE_ONLY", False)
                yield Case(f"{name} {length}{told}", fast, reference, arguments, wide_only)


def _sizes_at(length: int) -> dict[str, int]:
    return SIZES | {"l": length, "m": length, "pairs": length * (length - 1) // 2}


def _arguments(
    function: Callable[..., Any], sizes: dict[str, int], every_option: bool
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Sets of arguments, and what tells them apart: every parameter without a default, and true for `causal`; then
    also every optional tensor; then every other choice of a word."""
    kinds = typing.get_type_hints(function)
    parameters = inspect.signature(function).parameters
    defaults = {name: parameter.default for name, parameter in parameters.items()}
    made = {name: _value(name, kinds[name], sizes) for name, value in defaults.items() if value is inspect._empty}
    made |= {"causal": True} if "causal" in parameters else {}
    yield "", made
    if every_option:
        optional = [name for name, value in defaults.items() if value is None]
        if optional:
            yield " with options", made | {name: _value(name, kinds[name], sizes) for name in optional}
        for name, default in defaults.items():
            for word in typing.get_args(kinds[name]) if isinstance(default, str) else ():
                if word != default:
                    yield f" {word}", made | {name: word}


def _value(name: str, kind: Any, sizes: dict[str, int]) -> Any:
    """A value of a parameter: numbers, a tensor, or a tuple of tensors; of a union, its first member."""
    if kind in NUMBERS:
        return NUMBERS[kind]
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        return _value(name, typing.get_args(kind)[0], sizes)
    if typing.get_origin(kind) is tuple:
        return tuple(_value(name, member, sizes) for member in typing.get_args(kind))
    shape = [size for axis in kind.dim_str.split() for size in _sizes(axis, sizes)]
    if any(dtype.startswith("bool") for dtype in kind.dtypes):
        return torch.rand(shape) < 0.1
    if name == "letters":
        return torch.randint(sizes["e"], shape)
    if not any(dtype.startswith("float") for dtype in kind.dtypes):
        return torch.arange(shape[-1]).expand(shape)  # positions count along the last axis
    values = torch.randn(shape, dtype=torch.float64)
    if name == "decay":
        return 0.7 * values.tanh()  # inside the unit circle, complex ones too
    if name == "size":
        return values.sigmoid()  # of a number inside the unit circle
    return 0.2 * values if name == "recurrence" else values  # a large one is chaotic


def _sizes(axis: str, sizes: dict[str, int]) -> list[int]:
    """The sizes of an axis: `d`, `#d` (which may be 1), `s-2`, a number, or `*bl`, the axes b and l."""
    if axis.isdigit():
        return [int(axis)]
    if axis.startswith("*"):
        return [sizes[letter] for letter in axis[1:]]
    letter, _, less = axis.strip("#").partition("-")
    return [sizes[letter] - int(less or 0)]
