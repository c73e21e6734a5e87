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
from typing import Any, NamedTuple, ParamSpec, TypeVar

import torch
from torch import Tensor

__all__ = ["fitting"]

P = ParamSpec("P")
Result = TypeVar("Result")


def fitting(function: Callable[P, Result]) -> Callable[P, Result]:
    """The function, which raises ValueError where a tensor does not have the kind of numbers or the axes that its
    annotation names, where two disagree on the size of an axis, or where they lie on several devices. Axes under a
    star may be any. Nothing is looked at while compiling."""
    hints = typing.get_type_hints(function)
    wanted = {name: _wanted(hints[name]) for name in inspect.signature(function).parameters}

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> Result:
        if not torch.compiler.is_compiling():
            given = dict(zip(wanted, args, strict=False)) | kwargs
            tensors = [told for name, value in given.items() for told in _tensors(name, value, wanted[name])]
            if fault := _fault(tensors):
                raise ValueError(f"{function.__name__} takes {fault}.")
        return function(*args, **kwargs)

    return checked


class _Wanted(NamedTuple):
    """What a tensor's annotation says."""

    kind: str
    """Float, Int or Bool."""
    dtypes: tuple[str, ...]
    axes: list[str]


Named = tuple[str, Tensor, _Wanted]


def _wanted(hint: Any) -> Any:
    """Of a tensor's annotation; of a tuple's, those of its members; None of anything else."""
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        return next((wanted for wanted in map(_wanted, typing.get_args(hint)) if wanted is not None), None)
    if typing.get_origin(hint) is tuple:
        return [_wanted(member) for member in typing.get_args(hint)]
    return _Wanted(hint.dtype.__name__, hint.dtypes, hint.dim_str.split()) if hasattr(hint, "dim_str") else None


def _tensors(name: str, value: Any, wanted: Any) -> Iterator[Named]:
    """An argument's tensors, with their names and what is wanted of them."""
    if isinstance(value, Tensor):
        yield name, value, wanted
    elif isinstance(value, tuple | list) and wanted is not None:
        if len(value) != len(wanted):
            raise ValueError(f"{name} has {len(wanted)} tensors, got {len(value)}.")
        for number, (member, own) in enumerate(zip(value, wanted, strict=True)):
            yield from _tensors(f"{name}[{number}]", member, own)


def _fault(tensors: list[Named]) -> str:
    """What is taken, and what was given instead; empty where all of it fits."""
    for name, tensor, wanted in tensors:
        if (dtype := str(tensor.dtype).removeprefix("torch.")) not in wanted.dtypes:
            return f"{name} as {wanted.kind}, got {dtype}"
    devices = {tensor.device for _, tensor, _ in tensors}
    if len(devices) > 1:
        return f"tensors of one device, got {', '.join(sorted(map(str, devices)))}"
    sizes: dict[str, int] = {}
    if all(_fits(tensor.shape, wanted.axes, sizes) for _, tensor, wanted in tensors):
        return ""
    taken = ", ".join(f"{name} ({', '.join(wanted.axes)})" for name, _, wanted in tensors)
    return f"{taken}, got {', '.join(f'{name} {tuple(tensor.shape)}' for name, tensor, _ in tensors)}"


def _fits(shape: torch.Size, axes: list[str], sizes: dict[str, int]) -> bool:
    """Whether the shape has these axes: `*b` (any, at the front), `d`, `#d` (which may be 1), `s-2` or a number;
    `sizes` learns new letters."""
    if axes[0].startswith("*"):
        axes = axes[1:]
        shape = shape[max(len(shape) - len(axes), 0) :]
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
