"""Multilayer perceptron: linears with an activation between them."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Annotated, Any, cast

from torch import Tensor, nn

from seqlab.data.signature import Signature
from seqlab.models import Model, reads_numbers
from seqlab.nn.activations import Activation, activation
from seqlab.nn.inits import Init, initialise
from seqlab.nn.inits.lecun import LeCun
from seqlab.nn.linear import Linear
from seqlab.nn.units import Units
from seqlab.spec import Field, label

__all__ = ["MLP", "Perceptron"]


class MLP(Model):
    """Flattens an image, or takes features, and gives a logit for each class: 784-100-100-10 for MNIST.

    Every linear is drawn by `init`, the last one too; biases begin at zero.
    """

    widths: tuple[Annotated[int, Field(ge=1)], ...] = (100, 100)
    """Units of each hidden layer, first to last; none at all is logistic regression."""
    activation: Activation = "relu"
    """What stands between the linears."""
    bias: bool = True
    """Whether the linears have biases."""
    init: Init = LeCun()
    """Law of every linear."""

    def build(self, signature: Signature) -> Perceptron:
        return Perceptron(self, math.prod(reads_numbers(self, signature)), signature.outputs)

    def card(self, model: nn.Module) -> dict[str, Any]:
        linears = cast(Perceptron, model).layers
        rows = [
            {
                "layer": index,
                "width": cast(nn.Linear, linear).out_features,
                "parameters": sum(p.numel() for p in linear.parameters()),
            }
            for index, linear in enumerate(linears)
        ]
        return {"activation": self.activation, "bias": self.bias, "init": label(type(self.init)), "layers": rows}


class Perceptron(nn.Module):
    """numbers (B, ...) -> logits (B, C), in the parameters' dtype."""

    def __init__(self, spec: MLP, features: int, classes: int) -> None:
        super().__init__()
        sizes = (features, *spec.widths, classes)
        self.layers = nn.ModuleList(Linear(before, after, bias=spec.bias) for before, after in pairwise(sizes))
        self.activation = activation(spec.activation)
        initialise(self, spec.init)
        self.layers[-1].is_head = True  # type: ignore[assignment]  # read by optim.groups: a head is no hidden matrix

    def forward(self, x: Tensor) -> Tensor:
        *hidden, head = cast("list[Linear]", list(self.layers))
        x = x.flatten(1).to(head.weight.dtype)
        for linear in hidden:
            x = self.activation(linear(x))
        return cast(Tensor, head(x))

    def hidden_units(self) -> list[Units]:
        """Each hidden layer, read by the next linear."""
        return [
            Units(
                incoming=f"layers.{place}.weight",
                bias=f"layers.{place}.bias" if linear.bias is not None else None,
                outgoing=f"layers.{place + 1}.weight",
                activation=self.activation,
            )
            for place, linear in enumerate(cast("list[Linear]", list(self.layers)[:-1]))
        ]

    def flops(self, length: int = 1) -> float:
        """Floating-point operations of one row's forward pass; a multiply-add counts as 2."""
        return sum(2.0 * linear.weight.numel() for linear in cast("list[nn.Linear]", self.layers))
