"""ReDo: resets of units that are hardly active beside the others of their layer (Sokar et al., arXiv 2302.12902)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from seqlab.methods.shared.resetter import Resetter, State, Turn
from seqlab.nn.activity import Activity
from seqlab.nn.units import Units
from seqlab.spec import Field

__all__ = ["ReDo"]


class ReDo(Resetter):
    """Resets units whose score is `threshold` or less: mean |activation| on the last training batch, normalised over
    the layer.

    With `mean` a score of 1 is an average unit, as the paper's equation and Dopamine have it. The plasticity notebook's
    ReDO divides by the sum: its scores are H times smaller, so that its .01 is a threshold of 1.92 in a layer of 192
    units, and resets three quarters of them or more.
    """

    off: ClassVar[Mapping[str, Any]] = {"probability": 0.0}

    every_steps: int | None = Field(default=1000, ge=1)
    """Act after every so many updates. Either this or `every_tasks` is given."""
    threshold: float = Field(default=0.025, ge=0)
    """Largest score of a unit that is reset, in units of the normalisation; 0 is dead units alone."""
    normalisation: Literal["mean", "sum"] = "mean"
    """What activities are divided by: their mean over the layer, or their sum."""
    probability: float = Field(default=1.0, ge=0, le=1)
    """Chance at each act that it takes place, the same draw for all layers; with `every_steps=1` the notebook's
    reset_freq."""

    def expected(self, steps_a_task: int | None, sizes: Mapping[str, int]) -> list[str]:
        of_other = "sum" if self.normalisation == "mean" else "mean"
        same = {size: self.threshold / size if of_other == "sum" else self.threshold * size for size in sizes.values()}
        return [
            f"in a layer of {size} units the threshold {self.threshold:g} of the {self.normalisation} is "
            f"{value:.3g} of the {of_other}"
            for size, value in same.items()
        ]

    def effective(self, sizes: Mapping[str, int]) -> dict[str, Any]:
        factors = sizes.values() if self.normalisation == "sum" else [1] * len(sizes)
        return {"threshold": [round(self.threshold * factor, 9) for factor in factors], "normalisation": "mean"}

    def watches(self, due: bool = True) -> bool:
        return due

    def start(self, like: Tensor) -> State:
        return {"activity": torch.full_like(like, torch.inf)}

    def seen(self, state: State, before: Tensor, units: Units) -> State:
        return state | {"activity": Activity(before, units).magnitude()}

    def choose(self, state: State, turn: Turn) -> tuple[Tensor, State]:
        chosen = self.scores(state["activity"]) <= self.threshold
        return chosen & (turn.chance < self.probability), state

    def scores(self, activity: Tensor) -> Tensor:
        """(H,): activities normalised over the layer; what was never seen has none, and a layer of zeros is dead."""
        total = activity.mean() if self.normalisation == "mean" else activity.sum()
        return torch.where(total > 0, activity / total, 0.0)
