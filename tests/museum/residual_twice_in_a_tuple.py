"""The residual stream added twice in layers that return it as the first of several results, as many libraries do."""

from __future__ import annotations

from exhibits import Own, Stack, mean_so_far, small
from torch import Tensor, nn

from seqlab.data.signature import Signature
from seqlab.experiment import Experiment

CAUGHT_BY = "residual_gain"
SAYS = r"grows by 2\.00 in layer 0 \(Layer\) and in 3 more layers"


class Returned(Own):
    """Four layers."""

    times: int = 2
    """How often a layer adds its input."""

    def build(self, signature: Signature) -> nn.Module:
        return Stack(signature.vocabulary, (Layer(16, self.times) for _ in range(4)))


class Layer(nn.Module):
    def __init__(self, dim: int, times: int) -> None:
        super().__init__()
        self.times, self.norm, self.project = times, nn.LayerNorm(dim), nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        return self.times * x + self.project(mean_so_far(self.norm(x))), None


def healthy() -> Experiment:
    return small(Returned(times=1))


def faulty() -> Experiment:
    return small(Returned())
