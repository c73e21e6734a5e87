"""The L2 norms of the weights."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from seqlab.probes import Measures, Probe

__all__ = ["WeightNorms"]


class WeightNorms(Probe):
    """The L2 norm of every parameter tensor, or of every module's own parameters, and of all of them (`total`)."""

    by: Literal["tensor", "module"] = "tensor"
    """What has a norm of its own: each tensor, or each module that holds tensors directly (weight and bias as one)."""

    def measure(self, model: nn.Module, inputs: tuple[Tensor, ...]) -> Measures:
        parameters = dict(model.named_parameters())
        norms = torch.stack(torch._foreach_norm([parameter.detach() for parameter in parameters.values()]))
        squares: dict[str, float] = {}
        for path, norm in zip(parameters, norms.tolist(), strict=True):  # one transfer from the device
            owner = path if self.by == "tensor" else path.rpartition(".")[0] or "model"
            squares[owner] = squares.get(owner, 0.0) + norm**2
        return {
            **{self.metric(owner): square**0.5 for owner, square in squares.items()},
            self.metric("total"): sum(squares.values()) ** 0.5,
        }
