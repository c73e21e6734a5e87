"""Giving a model tensors in its own dtype, as the training loop does."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn

__all__ = ["fitted"]


def fitted(model: nn.Module, tensors: Iterable[Tensor]) -> tuple[Tensor, ...]:
    """Tensors as the model takes them: floating-point ones in the dtype of its parameters, where it has any."""
    parameter = next(model.parameters(), None)
    dtype = parameter.dtype if parameter is not None else None
    return tuple(tensor.to(dtype) if tensor.is_floating_point() else tensor for tensor in tensors)
