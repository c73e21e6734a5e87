"""A branch that adds its own input, within a layer of one's own that adds its result to the stream."""

from __future__ import annotations

from exhibits import Own, Stack, mean_so_far, small
from torch import Tensor, nn

from seqlab.data.signature import Signature
from seqlab.experiment import Experiment

CAUGHT_BY = "residual_gain"
SAYS = r"layer 0 \(Branch\) at `layers\.0\.branch`.*returns its input together with its output.*added twice"


class Branched(Own):
    """Four layers."""

    own_residual: bool = True
    """Whether the branch adds its input."""

    def build(self, signature: Signature) -> nn.Module:
        return Stack(signature.vocabulary, (Layer(16, own_residual=self.own_residual) for _ in range(4)))


class Layer(nn.Module):
    def __init__(self, dim: int, *, own_residual: bool) -> None:
        super().__init__()
        self.norm, self.branch = nn.LayerNorm(dim), Branch(dim, own_residual=own_residual)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + self.branch(self.norm(x))
        return y


class Branch(nn.Module):
    def __init__(self, dim: int, *, own_residual: bool) -> None:
        super().__init__()
        self.own_residual, self.project = own_residual, nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.project(mean_so_far(x))
        return x + y if self.own_residual else y


def healthy() -> Experiment:
    return small(Branched(own_residual=False))


def faulty() -> Experiment:
    return small(Branched())
