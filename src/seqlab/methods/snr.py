"""Self-normalised resets by the mean silence of a unit (the SNR, or ART, of ajozefiak/CL-transformers)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from seqlab.kernels.firing import firing
from seqlab.methods.shared.resetter import Resetter, State, Turn, check_updates, is_due, kappa
from seqlab.nn.firing import deciding
from seqlab.nn.units import Units
from seqlab.spec import Field

__all__ = ["SNR"]


class SNR(Resetter):
    """Resets a unit that has been silent longer than a unit of its rate would be, if silences were exponential.

    Age: batches since the unit fired. Intervals that end, by firing or by a reset, give a mean m (both its sums begin
    at 1), and from time to time the threshold becomes ceil(kappa m), kappa = -ln(tail_prob), or doubles where it was no
    greater than kappa m; then the mean begins anew, so that a silence still running counts for nothing. A unit is reset
    at an age of its threshold or more.
    """

    off: ClassVar[Mapping[str, Any]] = {"tail_prob": 0.0}

    tail_prob: float = Field(default=0.16, ge=0, lt=1)
    """Chance that a unit of that mean is silent for longer; 1 - reset_percentile there, eta in the paper. 0: never."""
    initial_threshold: float = Field(default=10.0, gt=0)
    """Threshold of every unit before the first update, in batches."""
    update_every_steps: int | None = Field(default=120, ge=1)
    """Acts (with `every_steps=1`, steps) between updates of the thresholds. Either this or `update_probability`."""
    update_probability: float | None = Field(default=None, ge=0, le=1)
    """Chance at each act that all thresholds are updated, as there: 1 / 120 is once in 120 steps in the mean."""
    zero_fires: bool = True
    """Whether a pre-activation of exactly 0 counts as firing, as there; in the published code it does not."""
    silent_share: float = Field(default=1.0, gt=0, le=1)
    """Share of a batch's positions without firing from which the batch counts as silent: 1 - epsilon."""
    silence: Literal["whole", "first", "last"] = "whole"
    """Silent positions of a batch in which a unit fires. `whole`: not counted; `first`: they came before it fired, and
    lengthen the silence that ends here; `last`: they came after it, and are the age that it starts with. With `first`
    and `last` ages are fractions of a batch, and thresholds are not rounded up."""

    def check(self) -> None:
        super().check()
        check_updates(self, self.update_every_steps, self.update_probability)

    def expected(self, steps_a_task: int | None, sizes: Mapping[str, int]) -> list[str]:
        if self.tail_prob == 0:
            return ["tail_prob=0: no unit is ever reset"]
        longest = kappa(self.tail_prob)
        told = f"kappa {longest:.3g}: a unit that fires in every batch gets a threshold of {longest:.3g} batches"
        if self.silence != "whole":
            return [told]
        rounded = math.ceil(longest)
        least, most = math.exp(-rounded), math.exp(1 - rounded)
        return [
            f"{told}, rounded up to {rounded}",
            f"every tail_prob from {least:.3g} to {most:.3g} (not included) does the same to such units",
        ]

    def effective(self, sizes: Mapping[str, int]) -> dict[str, Any]:
        if self.silence != "whole" or self.tail_prob == 0:
            return {}
        return {"tail_prob": math.ceil(kappa(self.tail_prob))}  # the threshold of a unit that fires in every batch

    def start(self, like: Tensor) -> State:
        zeros = torch.zeros_like(like, dtype=torch.float64)
        threshold = torch.full_like(zeros, self.initial_threshold if self.tail_prob > 0 else torch.inf)
        return {"age": zeros, "silent": zeros, "threshold": threshold, "sum": zeros + 1, "count": zeros + 1}

    def seen(self, state: State, before: Tensor, units: Units) -> State:
        age, flat = state["age"], deciding(before, units)
        if self.silence == "whole" and self.silent_share == 1:  # the highest value tells
            _, highest = firing(flat)
            fires, quiet = highest >= 0 if self.zero_fires else highest > 0, age
        else:
            quiet = (firing(-flat)[0] if self.zero_fires else len(flat) - firing(flat)[0]) / len(flat)
            fires = quiet < self.silent_share
        ended, left, tested = age + 1, torch.zeros_like(age), torch.zeros_like(age)
        if self.silence == "first":
            tested = age + quiet
        elif self.silence == "last":
            ended, left, tested = ended - quiet, quiet, quiet
        return {
            "age": torch.where(fires, left, age + 1),
            "silent": torch.where(fires, tested, age + 1),
            "threshold": state["threshold"],
            "sum": state["sum"] + torch.where(fires, ended, 0.0),
            "count": state["count"] + fires,
        }

    def choose(self, state: State, turn: Turn) -> tuple[Tensor, State]:
        reset = state["silent"] >= state["threshold"]
        ended = reset & (state["age"] > 0)
        total, count = state["sum"] + torch.where(ended, state["age"], 0.0), state["count"] + ended
        threshold = state["threshold"]
        if self.tail_prob > 0 and is_due(turn.number, self.update_every_steps, self.update_probability, turn.chance):
            longest = kappa(self.tail_prob) * total / count
            threshold = torch.where(threshold <= longest, 2 * threshold, longest)
            threshold = threshold.ceil() if self.silence == "whole" else threshold
            total, count = torch.ones_like(total), torch.ones_like(count)
        age, silent = (torch.where(reset, 0.0, state[name]) for name in ("age", "silent"))
        after = {"age": age, "silent": silent, "threshold": threshold, "sum": total, "count": count}
        return reset, state | after
