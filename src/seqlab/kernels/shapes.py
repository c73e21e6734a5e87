"""The shapes that a kernel's signature writes, checked at its calls.

Code below a Python call reads memory by the sizes that it is told: a transposed argument would not fail there, it
would read and write what belongs to others.
"""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Callable, Iterator
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor

__all__ = ["fitting"]

P = ParamSpec("P")
Result = TypeVar("Result")


def fitting(function: Callable[P, Result]) -> Callable[P, Result]:
    """The function, which raises ValueError where a tensor does not have the axes that its annotation names, where two
    disagree on the size of an axis, or where they lie on several devices. Nothing is looked at while compiling."""
    kinds = typing.get_type_hints(function)
    axes = {name: _axes(kinds[name]) for name in inspect.signature(function).parameters}

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> Result:
        if not torch.compiler.is_compiling():
            given = dict(zip(axes, args, strict=False)) | kwargs
            tensors = [told for name, value in given.items() for told in _tensors(name, value, axes[name])]
            sizes: dict[str, int] = {}
            one_device = len({tensor.device for _, tensor, _ in tensors}) <= 1
            if not one_device or not all(_fits(tensor.shape, wanted, sizes) for _, tensor, wanted in tensors):
                raise ValueError(_sentence(function.__name__, tensors))
        return function(*args, **kwargs)

    return checked


def _axes(kind: Any) -> Any:
    """The axes of a tensor's annotation; of a tuple's, those of its members; None of anything else."""
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        return next((axes for axes in map(_axes, typing.get_args(kind)) if axes is not None), None)
    if typing.get_origin(kind) is tuple:
        return [_axes(member) for member in typing.get_args(kind)]
    return kind.dim_str.split() if hasattr(kind, "dim_str") else None


def _tensors(name: str, value: Any, axes: Any) -> Iterator[tuple[str, Tensor, list[str]]]:
    """An argument's tensors, with their names and axes."""
    if isinstance(value, Tensor):
        yield name, value, axes
    elif isinstance(value, tuple) and axes is not None:
        for number, (member, own) in enumerate(zip(value, axes, strict=True)):
            yield from _tensors(f"{name}[{number}]", member, own)


def _fits(shape: torch.Size, axes: list[str], sizes: dict[str, int]) -> bool:
    """Whether the shape has these axes: `d`, `#d` (which may be 1), `s-2` or a number; `sizes` learns new letters."""
    if len(shape) != len(axes):
        return False
    for size, axis in zip(shape, axes, strict=True):
        letter, _, less = axis.strip("#").partition("-")
        wanted = int(letter) if letter.isdigit() else sizes.get(letter, size + int(less or 0)) - int(less or 0)
        if size != wanted and not (size == 1 and axis.startswith("#")):
            return False
        if not axis.startswith("#"):
            sizes.setdefault(letter, size + int(less or 0))
    return True


def _sentence(kernel: str, tensors: list[tuple[str, Tensor, list[str]]]) -> str:
    wanted = ", ".join(f"{name} ({', '.join(axes)})" for name, _, axes in tensors)
    devices = {tensor.device for _, tensor, _ in tensors}
    if len(devices) > 1:
        return f"{kernel} takes tensors of one device, got {', '.join(sorted(map(str, devices)))}."
    given = ", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor, _ in tensors)
    return f"{kernel} takes {wanted}, got {given}."
