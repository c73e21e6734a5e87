"""Self-normalised resets by the histogram of a unit's silences, as published (ajozefiak/SelfNormalizedResets)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from seqlab.kernels.firing import firing
from seqlab.methods.shared.resetter import Resetter, State, Turn, is_due
from seqlab.nn.firing import deciding
from seqlab.nn.units import Units
from seqlab.spec import Field, SpecError

__all__ = ["SNRHistogram"]


class SNRHistogram(Resetter):
    """Resets a unit that has been silent for more examples than a percentile of its own past silences.

    Age: examples (rows, 100 in a batch of 100) since a batch in which the unit fired. A silence that ends, by firing or
    by a reset, is counted in a histogram of ages up to `longest`. At an update the threshold becomes the
    first age whose share of all counts, those at age 0 left out, reaches 1 - tail_prob (1 where there are none) if that
    is smaller, else it doubles; it lies between `shortest` and `longest`. A unit is reset at an age of its threshold
    or more.
    """

    off: ClassVar[Mapping[str, Any]] = {"tail_prob": 0.0}

    tail_prob: float = Field(default=0.05, ge=0, lt=1)
    """Share of a unit's silences that are longer than its threshold; eta in the paper. 0: no resets."""
    initial_threshold: int = Field(default=1000, ge=1)
    """Threshold of every unit before the first update, in examples."""
    shortest: int = Field(default=100, ge=1)
    """Least threshold, in examples; there it is 100, written into the code."""
    longest: int = Field(default=10_000, ge=1)
    """Greatest threshold, in examples."""
    factor: int = Field(default=2, ge=1)
    """By which a threshold grows that is not above the percentile."""
    update_every_steps: int = Field(default=625, ge=1)
    """Acts (with `every_steps=1`, steps) between updates of the thresholds; there they come at the end of a task."""

    def check(self) -> None:
        super().check()
        if self.shortest > self.longest:
            raise SpecError(f"methods/snr_histogram: `shortest`={self.shortest} is more than `longest`={self.longest}.")

    def start(self, like: Tensor) -> State:
        zeros = torch.zeros_like(like, dtype=torch.int64)
        ended = torch.zeros(len(like), 0, dtype=torch.int32, device=like.device)
        return {"age": zeros, "threshold": zeros + self.initial_threshold, "ended": ended}

    def seen(self, state: State, before: Tensor, units: Units) -> State:
        _, highest = firing(deciding(before, units))
        silent = highest <= 0
        age = state["age"]
        after = {"age": torch.where(silent, age + len(before), 0)}
        return state | after | {"ended": self._noted(state["ended"], age, ~silent)}

    def choose(self, state: State, turn: Turn) -> tuple[Tensor, State]:
        age, threshold = state["age"], state["threshold"]
        reset = (age >= threshold) & (self.tail_prob > 0)
        after = {"age": torch.where(reset, 0, age), "ended": self._noted(state["ended"], age, reset)}
        if is_due(turn.number, self.update_every_steps, None, turn.chance):
            percentile = self._percentile(self.histogram(after["ended"]))
            threshold = torch.where(percentile < threshold, percentile, self.factor * threshold)
            after["threshold"] = threshold.clamp(self.shortest, self.longest)
            after["ended"] = after["ended"].new_zeros(len(age), 0)
        return reset, state | after

    def _noted(self, ended: Tensor, age: Tensor, where: Tensor) -> Tensor:
        """The silences (H, T) that ended since the last update, with one more column, 0 where none ended. A step in
        which none ended adds nothing, and most do not: to keep the counts themselves is to copy all of them."""
        ages = torch.where(where, age, 0).clamp(max=self.longest).int()
        return torch.cat([ended, ages[:, None]], 1) if ages.any() else ended

    def histogram(self, ended: Tensor) -> Tensor:
        """(H, longest): how many of a unit's silences (H, T) ended at the age of 1, of 2 ...; at the last, or later."""
        counted = ended.new_zeros(len(ended), self.longest + 1)
        return counted.scatter_add_(1, ended.long(), torch.ones_like(ended))[:, 1:]

    def _percentile(self, histogram: Tensor) -> Tensor:
        """(H,): the age at which the counts reach their share."""
        shares = histogram.cumsum(1) / histogram.sum(1, keepdim=True)
        reached = shares >= 1 - self.tail_prob  # nowhere, where nothing was counted: 0 / 0 is no number
        return torch.where(reached.any(1), reached.int().argmax(1) + 1, 1)
