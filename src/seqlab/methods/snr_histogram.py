"""Self-normalised resets by the histogram of a unit's silences, as published (ajozefiak/SelfNormalizedResets)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from seqlab.methods.shared.resetter import Resetter, State, Turn, counts, is_due
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
        histogram = torch.zeros(len(like), self.longest + 1, dtype=torch.int32, device=like.device)
        return {"age": zeros, "threshold": zeros + self.initial_threshold, "histogram": histogram}

    def seen(self, state: State, before: Tensor, units: Units) -> State:
        silent = counts(before, units).amax(0) <= 0
        age = state["age"]
        after = {"age": torch.where(silent, age + len(before), 0)}
        return state | after | {"histogram": _counted(state["histogram"], age, ~silent)}

    def choose(self, state: State, turn: Turn) -> tuple[Tensor, State]:
        age, threshold = state["age"], state["threshold"]
        reset = (age >= threshold) & (self.tail_prob > 0)
        after = {"age": torch.where(reset, 0, age), "histogram": _counted(state["histogram"], age, reset)}
        if is_due(turn.number, self.update_every_steps, None, turn.chance):
            percentile = self._percentile(after["histogram"])
            threshold = torch.where(percentile < threshold, percentile, self.factor * threshold)
            after["threshold"] = threshold.clamp(self.shortest, self.longest)
            after["histogram"] = torch.zeros_like(after["histogram"])
        return reset, state | after

    def _percentile(self, histogram: Tensor) -> Tensor:
        """(H,): the age at which the counts from age 1 on reach their share."""
        shares = histogram[:, 1:].cumsum(1) / histogram[:, 1:].sum(1, keepdim=True)
        reached = shares >= 1 - self.tail_prob  # nowhere, where nothing was counted: 0 / 0 is no number
        return torch.where(reached.any(1), reached.int().argmax(1) + 1, 1)


def _counted(histogram: Tensor, age: Tensor, where: Tensor) -> Tensor:
    """The histogram (H, A) with one more at the age (H,) of some units; the last column holds what is beyond it."""
    places = age.clamp(max=histogram.shape[1] - 1)[:, None]
    return histogram.scatter_add(1, places, where.int()[:, None])
