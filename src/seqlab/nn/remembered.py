"""A value computed from a module's parameters and buffers, computed again only when one of them has changed."""

from __future__ import annotations

from collections.abc import Callable
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
        self._held: tuple[list[_Seen], bool, Value] | None = None

    def __call__(self) -> Value:
        tensors = [*self._module.parameters(), *self._module.buffers()]
        if torch.is_grad_enabled() or any(tensor.is_inference() for tensor in tensors):
            return self._compute()
        now = [_Seen(tensor) for tensor in tensors], self._module.training
        if self._held is None or self._held[:2] != now:
            self._held = *now, self._compute()
        return self._held[2]


class _Seen:
    """A tensor as it was: equal to another where both are the same tensor in the same version at the same place."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor, self.place, self.version = tensor, tensor.data_ptr(), tensor._version

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, _Seen)
            and self.tensor is other.tensor
            and (self.place, self.version) == (other.place, other.version)
        )
