"""Shrink and perturb (Ash and Adams, arXiv 1910.08475)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from seqlab.methods import Change, Draws, Method, Moments, Units
from seqlab.methods.shared.changes import changed
from seqlab.spec import Field

__all__ = ["ShrinkAndPerturb"]


class ShrinkAndPerturb(Method):
    """w <- (1 - shrink) w + scale * noise.

    The paper does it once, before training on new data (there lambda = 1 - shrink). Done after every step instead,
    shrink acts as a weight decay that compounds: 0.01 at every one of 120 steps leaves 0.99^120 = 0.30 of a weight.
    """

    off: ClassVar[Mapping[str, Any]] = {"shrink": 0.0, "scale": 0.0}

    every_tasks: int | None = Field(default=1, ge=1)
    """Act after the last update of every so many tasks; None where `every_steps` is given."""
    shrink: float = Field(default=0.4, ge=0, le=1)
    """The share of each weight that is taken away; 0 with `scale` 0 changes nothing."""
    scale: float = Field(default=0.01, ge=0)
    """Factor on the noise."""
    noise: Literal["fresh", "normal"] = "fresh"
    """`fresh`: a new initialisation of the model, whose norms' weights are 1 and biases 0 (the authors' code);
    `normal`: independent N(0, 1) for every element (the paper's text)."""
    moments: Literal["keep", "zero"] = "keep"
    """The optimiser's state of these parameters; `zero` also zeroes its count of steps, as in a new optimiser."""

    def expected(self, steps_a_task: int | None, sizes: Mapping[str, int]) -> list[str]:
        if self.every_steps is None or steps_a_task is None:
            return []
        acts = steps_a_task // self.every_steps
        return [
            f"after the {acts} acts of a task {(1 - self.shrink) ** acts:.2g} of a weight is left, and all their noise "
            f"has grown to {self.scale * _grown(1 - self.shrink, acts):.3g} times the initial deviation"
        ]

    def change(
        self,
        weights: Mapping[str, Tensor],
        moments: Moments,
        statistics: Mapping[str, Tensor],
        draws: Draws,
        units: Mapping[str, Units],
    ) -> Change:
        chosen = {path: weights[path] for path in self.chosen(weights)}
        noise = self._noise(chosen, draws)
        new = {path: (1 - self.shrink) * weight + self.scale * noise[path] for path, weight in chosen.items()}
        return Change(
            weights=new,
            moments=_zeroed(moments, chosen) if self.moments == "zero" else {},
            statistics=dict(statistics),
            report=changed(chosen, new),
        )

    def _noise(self, chosen: Mapping[str, Tensor], draws: Draws) -> Mapping[str, Tensor]:
        if self.noise == "fresh":
            return draws.fresh()
        return {path: torch.empty_like(weight).normal_(generator=draws.generator) for path, weight in chosen.items()}


def _grown(kept: float, acts: int) -> float:
    """The deviation of a sum of unit noises that shrink at each act."""
    return float(sum(kept ** (2 * age) for age in range(acts)) ** 0.5)


def _zeroed(moments: Moments, chosen: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    return {
        path: {key: torch.zeros_like(value) for key, value in moments[path].items()}
        for path in chosen
        if path in moments
    }
