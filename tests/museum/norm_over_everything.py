"""One norm over length and features together (DLN notebook, August 2023 and May 2024).

The library's layer norm ran over the whole (L, D) array, so that statistics of later symbols reached earlier ones, and
the scale was wrong besides. The notebook kept only "be careful which dimension".
"""

from __future__ import annotations

from dataclasses import replace

from exhibits import small, small_model
from torch import Tensor, nn

from seqlab.experiment import Experiment
from seqlab.nn.norms import Norm

CAUGHT_BY = "position_wise"
SAYS = "one norm over length and features"


class GlobalNorm(Norm):
    """(x - mean) / std over all positions and features of a row."""

    def build(self, *, dim: int) -> nn.Module:
        return Global()


class Global(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        axes = (-2, -1)
        return (x - x.mean(axes, keepdim=True)) / (x.var(axes, keepdim=True, unbiased=False) + 1e-5).sqrt()


def healthy() -> Experiment:
    return small()


def faulty() -> Experiment:
    model = small_model()
    return small(replace(model, layers=tuple(replace(block, norm=GlobalNorm()) for block in model.layers)))
