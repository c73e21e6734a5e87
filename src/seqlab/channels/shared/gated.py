"""A feed-forward layer whose hidden features are multiplied by gates (arXiv 1612.08083, arXiv 2002.05202)."""

from __future__ import annotations

from torch import Tensor

from seqlab.channels import ChannelMixer
from seqlab.kernels.gated_product import gated_product
from seqlab.nn.activations import Activation, activation
from seqlab.nn.dropout import dropout
from seqlab.nn.gate import Gate
from seqlab.nn.inits import residual
from seqlab.nn.linear import Linear
from seqlab.nn.units import Units, gated

__all__ = ["GatedFeedForward"]


class GatedFeedForward(ChannelMixer):
    """down(f(gate(x)) . up(x)), gate and up in one product; linears are drawn by torch's default."""

    def __init__(self, dim: int, hidden: int, function: Activation, *, bias: bool, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.function, self.activation = function, activation(function)
        self.gate_and_up = Linear(dim, 2 * hidden, bias=bias)
        self.down = residual(Linear(hidden, dim, bias=bias))

    def reset_parameters(self) -> None:
        self.gate_and_up.reset_parameters()
        self.down.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        gate, up = self.gate_and_up(x).chunk(2, dim=-1)
        opened = gated_product(gate, up, "silu") if self.function == "silu" else self.activation(gate) * up
        return dropout(self.down(opened), self.dropout, self.training)

    def gating(self, x: Tensor) -> dict[str, Gate]:
        gate, _ = self.gate_and_up(x).chunk(2, dim=-1)
        return {"": Gate(self.activation(gate), is_sigmoid=self.function == "sigmoid")}

    def hidden_units(self) -> list[Units]:
        both = self.gate_and_up
        return [
            Units(
                incoming="gate_and_up.weight",
                bias="gate_and_up.bias" if both.bias is not None else None,
                outgoing="down.weight",
                parts=2,
                activation=gated(self.activation),
            )
        ]

    def flops(self) -> float:
        return 6.0 * self.down.in_features * self.down.out_features


def rounded_up(width: float, multiple: int) -> int:
    """`width` rounded up to a multiple, less than one feature beyond a multiple dropped: the rule of the xLSTM's public
    code, which its checkpoints depend on (2.667 x 512 -> 1408)."""
    return int((width + multiple - 1) // multiple * multiple)
