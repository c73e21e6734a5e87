"""Weights of linears in eight or four bits, for generation and evaluation: inputs and sums stay as they are."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn

from seqlab.kernels.matrix_vector import matrix_vector_int4, matrix_vector_int8, pack_int4, pack_int8
from seqlab.kernels.matrix_vector.fast import widened_int4, widened_int8
from seqlab.nn.linear import Linear

__all__ = ["Bits", "QuantisedLinear", "quantise", "weight_bytes"]

Bits = Literal["int8", "int4"]


class QuantisedLinear(nn.Module):
    """(..., D) -> (..., E) as the linear that it was made of, its matrix in eight bits with a scale for each row, or in
    four with one for each 32 entries (seqlab.kernels.matrix_vector). It is not trained."""

    def __init__(self, weight: Tensor, bias: Tensor | None, bits: Bits) -> None:
        super().__init__()
        self.out_features, self.in_features = weight.shape
        self.bits = bits
        packed, scale = {"int8": pack_int8, "int4": pack_int4}[bits](weight.detach())
        self.register_buffer("packed", packed)
        self.packed: Tensor
        self.scale = nn.Parameter(scale, requires_grad=False)  # its dtype tells what the model computes in
        self.bias = None if bias is None else nn.Parameter(bias.detach(), requires_grad=False)

    @property
    def weight(self) -> Tensor:
        """The matrix that the bits stand for, made anew."""
        if self.bits == "int8":
            return widened_int8(self.packed, self.scale)
        return widened_int4(self.packed, self.scale, self.in_features)

    def forward(self, x: Tensor) -> Tensor:
        product = {"int8": matrix_vector_int8, "int4": matrix_vector_int4}[self.bits]
        return product(x, self.packed, self.scale, self.bias)

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.out_features}, {self.bits}"


@torch.no_grad()
def quantise(module: nn.Module, bits: Bits) -> None:
    """Replace every `seqlab.nn.linear.Linear` below a module, in place. What is looked at elsewhere by its weight alone
    (embeddings, gates, convolutions) keeps its dtype."""
    if bits not in get_args(Bits):
        raise ValueError(f"weights are quantised to {' or '.join(get_args(Bits))}, not to {bits}.")
    for name, child in list(module.named_children()):
        if type(child) is Linear:
            setattr(module, name, QuantisedLinear(child.weight, child.bias, bits))
        else:
            quantise(child, bits)


def weight_bytes(module: nn.Module) -> int:
    """The bytes of its parameters and packed weights."""
    return sum(tensor.nbytes for tensor in [*module.parameters(), *module.buffers()])
