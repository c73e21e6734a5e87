"""A value computed from a module's parameters and buffers, computed again only when one of them has changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

__all__ = ["Remembered"]

Value = TypeVar("Value")


class Remembered(Generic[Value]):
    """compute(), for as long as no tensor of `module` was replaced, moved or written to, and it stays in training or
    out of it.

    Torch counts the writes to a tensor. While gradients are recorded nothing is remembered, so that they reach the
    parameters; neither for tensors made under inference_mode, whose writes are not counted.
    """

    def __init__(self, module: nn.Module, compute: Callable[[], Value]) -> None:
        self._module, self._compute = module, compute
        self._held: tuple[list[Tensor], object, Value] | None = None

    def __call__(self) -> Value:
        tensors = list(_tensors(self._module))
        if torch.is_grad_enabled() or any(tensor.is_inference() for tensor in tensors):
            return self._compute()
        marks = [(id(tensor), tensor.data_ptr(), tensor._version) for tensor in tensors], self._module.training
        if self._held is None or self._held[1] != marks:
            self._held = tensors, marks, self._compute()  # the tensors are kept so that their ids stay theirs
        return self._held[2]

    def __getstate__(self) -> dict[str, object]:
        """A copy remembers nothing: the marks of its tensors are others."""
        return self.__dict__ | {"_held": None}


def _tensors(module: nn.Module) -> Iterator[Tensor]:
    """Parameters and buffers; torch's own listing makes their names too, which takes several times as long."""
    for tensor in chain(module._parameters.values(), module._buffers.values()):
        if tensor is not None:
            yield tensor
    for child in module.children():
        yield from _tensors(child)
