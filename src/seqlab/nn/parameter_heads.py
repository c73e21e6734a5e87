"""What stands between the features of a site and the parameters of a Potts model: the maps of arXiv 2406.11975."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqlab.nn.linear import Linear

__all__ = ["HeadMap", "HeadWidening", "InputMap", "input_map"]

InputMap = Literal["linear", "mlp"]
"""linear: W x + b; mlp: W' relu(layernorm(W x)), without biases."""
HeadMap = Literal["parameter", "linear", "linear_bias", "mlp"]
"""parameter: a matrix drawn from N(0, 1); linear: by torch's default, uniform within 1/sqrt(D); linear_bias: the same
with a bias; mlp: the linear behind another one with layer norm and relu, without biases."""


def input_map(kind: InputMap, features: int, dim: int) -> nn.Module:
    """Features (.., F) -> (.., D)."""
    return Linear(features, dim) if kind == "linear" else _perceptron(features, dim, dim)


class HeadWidening(nn.Module):
    """(B, N, D) -> (B, N, K, D): one vector of features for each of K heads, in one product of matrices."""

    def __init__(self, kind: HeadMap, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.map: nn.Module
        if kind == "mlp":
            self.map = _perceptron(dim, dim, heads * dim)
        else:
            self.map = linear = Linear(dim, heads * dim, bias=kind == "linear_bias")
            if kind == "parameter":
                torch.nn.init.normal_(linear.weight)

    def forward(self, x: Tensor) -> Tensor:
        widened: Tensor = F.relu(self.map(x), inplace=True).unflatten(-1, (self.heads, -1))
        return widened


def _perceptron(features: int, hidden: int, out: int) -> nn.Sequential:
    """torchvision's MLP with a layer norm, as the public code builds it."""
    return nn.Sequential(
        Linear(features, hidden, bias=False), nn.LayerNorm(hidden), nn.ReLU(), Linear(hidden, out, bias=False)
    )
