"""SNR-V2: self-normalised resets by the share of positions at which a unit fires (ajozefiak/CL-transformers)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from seqlab.kernels.firing import firing
from seqlab.methods.shared.resetter import Resetter, State, Turn, check_updates, is_due, kappa
from seqlab.nn.firing import deciding
from seqlab.nn.units import Units
from seqlab.spec import Field

__all__ = ["SNRV2"]


class SNRV2(Resetter):
    """Resets a unit whose age in positions (tokens of all rows) is its threshold or more.

    A batch of N positions of which c fire: the age grows by N where all are below 0, else it becomes N / c. The mean
    interval m is positions over firings and resets (both begin at 1) since the last update, at which the threshold
    becomes ceil(kappa m), kappa = -ln(tail_prob). Where kappa < 1 a steady unit that fires at a share r of the
    positions is reset at every step that ceil(kappa / r) <= 1 / r: tail_prob .45 reset 41 % of all units at each step
    of the original. `seqlab run ... --dry-run` tells.
    """

    off: ClassVar[Mapping[str, Any]] = {"tail_prob": 0.0}

    tail_prob: float = Field(default=0.05, ge=0, lt=1)
    """Chance that a unit of that mean is silent for longer; 1 - reset_percentile there. 0: never."""
    initial_threshold: float = Field(default=10.0, gt=0)
    """Threshold of every unit before the first update, in positions."""
    update_every_steps: int | None = Field(default=60, ge=1)
    """Acts (with `every_steps=1`, steps) between updates of the thresholds. Either this or `update_probability`."""
    update_probability: float | None = Field(default=None, ge=0, le=1)
    """Chance at each act that all thresholds are updated, as there."""

    def check(self) -> None:
        super().check()
        check_updates(self, self.update_every_steps, self.update_probability)

    def expected(self, steps_a_task: int | None, sizes: Mapping[str, int]) -> list[str]:
        if self.tail_prob == 0:
            return ["tail_prob=0: no unit is ever reset"]
        longest = kappa(self.tail_prob)
        told = [
            f"kappa {longest:.3g}: a unit that fires at a share r of the positions gets the threshold {longest:.3g} / r"
        ]
        if longest < 1:
            told.append(
                f"kappa is below 1, and the age of a steady unit is 1 / r: one that fires at {longest:.0%} of the "
                "positions or more is reset at every step, and so is any whose rounded threshold is not above 1 / r; "
                f"tail_prob below {math.exp(-1):.3g} is a test for rare silences"
            )
        return told

    def start(self, like: Tensor) -> State:
        zeros = torch.zeros_like(like, dtype=torch.float64)
        threshold = torch.full_like(zeros, self.initial_threshold if self.tail_prob > 0 else torch.inf)
        return {"age": zeros, "threshold": threshold, "sum": zeros + 1, "count": zeros + 1}

    def seen(self, state: State, before: Tensor, units: Units) -> State:
        flat = deciding(before, units)
        positions, (firings, highest) = len(flat), firing(flat)
        return state | {
            "age": torch.where(highest < 0, state["age"] + positions, positions / firings),
            "sum": state["sum"] + positions,
            "count": state["count"] + firings,
        }

    def choose(self, state: State, turn: Turn) -> tuple[Tensor, State]:
        reset = (state["age"] >= state["threshold"]) & (self.tail_prob > 0)
        after = {"age": torch.where(reset, 0.0, state["age"]), "count": state["count"] + reset}
        if self.tail_prob > 0 and is_due(turn.number, self.update_every_steps, self.update_probability, turn.chance):
            after["threshold"] = (kappa(self.tail_prob) * state["sum"] / after["count"]).ceil()
            after["sum"] = after["count"] = torch.ones_like(state["sum"])
        return reset, state | after
