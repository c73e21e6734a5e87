"""Attention in float32 within a bf16 run: queries, keys and values are widened before the fused operation.

The softmax inside is in float32 in any case; the products are now too, at several times their cost.
"""

from __future__ import annotations

from dataclasses import replace

from exhibits import Plain, with_mixer
from torch import Tensor, nn
from torch.nn import functional as F

from seqlab.experiment import Experiment
from seqlab.mixers import Mixer

CAUGHT_BY = "dtype"
SAYS = r"`blocks\.0` is in float32 .* `_scaled_dot_product\w+` in `blocks\.0\.mixer`"


class Widened(Mixer):
    """One head."""

    wide: bool = True
    """Whether attention is in float32."""

    def build(self, *, dim: int, length: int) -> Head:
        return Head(self.wide, dim)


class Head(Plain):
    def __init__(self, wide: bool, dim: int) -> None:
        super().__init__()
        self.wide, self.project, self.out = wide, nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        q, k, v = (part.float() if self.wide else part for part in self.project(x)[:, None].chunk(3, -1))
        y: Tensor = self.out(F.scaled_dot_product_attention(q, k, v, is_causal=True)[:, 0].to(x.dtype))
        return y


def healthy() -> Experiment:
    return replace(with_mixer(Widened(wide=False)), precision="bfloat16")


def faulty() -> Experiment:
    return replace(with_mixer(Widened()), precision="bfloat16")
