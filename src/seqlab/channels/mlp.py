"""Two linears with an activation between them, the transformer's feed-forward layer (arXiv 1706.03762)."""

from __future__ import annotations

from torch import Tensor

from seqlab.channels import Channel, ChannelMixer
from seqlab.nn.activations import Activation, activation
from seqlab.nn.dropout import dropout
from seqlab.nn.inits import Init, drawn_by, residual
from seqlab.nn.linear import Linear
from seqlab.nn.units import Units
from seqlab.spec import Field

__all__ = ["MLP", "FeedForward"]


class MLP(Channel):
    """down(activation(up(x))). Drawn by torch's default for linears: uniform within 1/sqrt(fan_in), biases too."""

    expansion: float = Field(default=4.0, gt=0)
    """Hidden width in units of D."""
    activation: Activation = "gelu"
    """What stands between the linears."""
    bias: bool = True
    """Whether the linears have biases."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of outputs dropped in training."""
    up_init: Init | None = None
    """Law of the first linear; none: the model's."""
    down_init: Init | None = None
    """Law of the second linear; none: the model's."""

    def build(self, *, dim: int) -> FeedForward:
        return FeedForward(self, dim)


class FeedForward(ChannelMixer):
    def __init__(self, spec: MLP, dim: int) -> None:
        super().__init__()
        hidden = max(round(spec.expansion * dim), 1)
        self.dropout = spec.dropout
        self.activation = activation(spec.activation)
        self.up = Linear(dim, hidden, bias=spec.bias)
        self.down = residual(Linear(hidden, dim, bias=spec.bias))
        drawn_by(spec.up_init, self.up)
        drawn_by(spec.down_init, self.down)

    def reset_parameters(self) -> None:
        self.up.reset_parameters()
        self.down.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        return dropout(self.down(self.activation(self.up(x))), self.dropout, self.training)

    def hidden_units(self) -> list[Units]:
        bias = "up.bias" if self.up.bias is not None else None
        return [Units(incoming="up.weight", bias=bias, outgoing="down.weight", activation=self.activation)]

    def flops(self) -> float:
        return 4.0 * self.up.in_features * self.up.out_features
