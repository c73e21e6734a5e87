"""Tensors that stand for those of many models at once, as within torch.func.vmap."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["of_many"]


def of_many(*tensors: Tensor | None) -> bool:
    """Whether one of them does: a kernel with a gradient of its own has no rule for that, its reference needs none."""
    return any(tensor is not None and torch._C._functorch.is_batchedtensor(tensor) for tensor in tensors)
