"""Scalar input and forget gates of heads, as the xLSTM has them (arXiv 2405.04517, arXiv 2503.13427)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqlab.kernels.linear import linear
from seqlab.kernels.soft_cap import soft_cap
from seqlab.nn.rows import is_padding

__all__ = ["HeadGates", "closed_after"]

CLOSED = 1e30  # exp(-1e30) and log sigmoid(1e30) are 0 in every dtype; infinity would leave infinity - infinity


class HeadGates(nn.Module):
    """(..., F) -> the pre-activations of the input gate and of the forget gate, (..., H) each, in float32 or wider.

    Weights start at 0, the forget gate's biases evenly from 3 to 6 over the heads, the input gate's at
    N(input_bias, input_std^2).
    """

    keeps_float32 = True
    keeps_init = True

    def __init__(
        self, features: int, heads: int, *, cap: float | None = None, input_bias: float = 0.0, input_std: float = 0.0
    ) -> None:
        super().__init__()
        self.heads, self.cap, self.input_bias, self.input_std = heads, cap, input_bias, input_std
        self.project = nn.Linear(features, 2 * heads)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.zeros_(self.project.weight)
        with torch.no_grad():
            self.project.bias[: self.heads].normal_(self.input_bias, self.input_std)
            self.project.bias[self.heads :] = torch.linspace(3, 6, self.heads)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        weight = self.project.weight
        both = linear(x.to(weight.dtype), weight, self.project.bias)
        both = both if self.cap is None else soft_cap(both, self.cap)
        return both[..., : self.heads], both[..., self.heads :]


def closed_after(lengths: Tensor, input_gate: Tensor, forget_gate: Tensor) -> tuple[Tensor, Tensor]:
    """Both pre-activations (B, L, ...), so that right padding leaves a memory exactly as it is."""
    padded = is_padding(input_gate, lengths)
    return input_gate.masked_fill(padded, -CLOSED), forget_gate.masked_fill(padded, CLOSED)
