"""The dtype that a model computes in, but for the modules that say `keeps_float32`."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

__all__ = ["PRECISIONS", "bytes_in", "convert", "parameters_to_be", "plain"]

PRECISIONS = ("float64", "float32", "bfloat16")
"""What a model can compute in, the widest first."""


def plain(dtype: torch.dtype) -> str:
    """Its name: bfloat16."""
    return str(dtype).removeprefix("torch.")


def parameters_to_be(module: nn.Module, dtype: torch.dtype) -> Iterator[tuple[nn.Module, str, torch.dtype]]:
    """Every parameter of a model that is to compute in `dtype`: its owner, its name there, and the dtype it is to have;
    float32 or wider below a module that says `keeps_float32`."""
    if getattr(module, "keeps_float32", False):
        dtype = torch.promote_types(dtype, torch.float32)
    for name in module._parameters:
        if module._parameters[name] is not None:
            yield module, name, dtype
    for child in module.children():
        yield from parameters_to_be(child, dtype)


def convert(model: nn.Module, dtype: torch.dtype) -> None:
    """Let a model compute in `dtype`, in place; a parameter that several modules share stays one."""
    for owner, name, wanted in list(parameters_to_be(model, dtype)):
        parameter = owner.get_parameter(name)
        parameter.data = parameter.data.to(wanted)


def bytes_in(model: nn.Module, dtype: torch.dtype) -> int:
    """The bytes of a model's parameters, were it to compute in `dtype`."""
    return sum(
        owner.get_parameter(name).numel() * wanted.itemsize for owner, name, wanted in parameters_to_be(model, dtype)
    )
