"""Dropout whose draws cost one number of torch's stream a call."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import handle_torch_function, has_torch_function_unary

from seqlab.kernels import dropout as kernel
from seqlab.kernels.dropout.seeds import fresh_seed
from seqlab.kernels.members import of_many

__all__ = ["Dropout", "dropout"]


def dropout(x: Tensor, share: float, training: bool = True) -> Tensor:
    """torch's dropout; on a CPU by seqlab.kernels.dropout, which takes a tenth of its time."""
    if not training or share == 0:
        return x
    if has_torch_function_unary(x):
        dropped: Tensor = handle_torch_function(dropout, (x,), x, share, training)
        return dropped
    if x.device.type != "cpu" or torch.compiler.is_compiling() or of_many(x):
        return F.dropout(x, share)
    return kernel.dropout(x, share, fresh_seed())


class Dropout(nn.Dropout):
    """A module of it."""

    def forward(self, input: Tensor) -> Tensor:
        return dropout(input, self.p, self.training)
